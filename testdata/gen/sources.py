"""Where the recorded audio comes from: pinned Debian packages, fetched with apt-get.

Every package is named with version and SHA-256 of its .deb; a file with another
sum is refused, so the fixtures can only ever be made from these exact bytes.
The packages are kept in $TIMBRE_DEB_DIR, or in a folder of the system's temporary
directory, and need not be installed.
"""
import hashlib
import os
import subprocess
import tempfile

# package -> (version, SHA-256 of the .deb, licence of the audio as its copyright file states it)
PACKAGES = {
    "asterisk-core-sounds-en-g722": ("1.6.1-1", "38c5261820b406dcb0ecb37675720da2b0864850690690352ca52707eb623806", "CC-BY-SA-3.0, Allison Smith"),
    "asterisk-core-sounds-fr-g722": ("1.6.1-1", "7add61d5e42279ecff1bbdf842a5a946ac3644fac9a0fe44384731aa7270c8e0", "CC-BY-SA-3.0, June Wallack"),
    "asterisk-core-sounds-it-g722": ("1.6.1-1", "46b4cf7afc508a5fcfc051b7ea233251c0d195dd4ef83cc4b7facb4c6429b016", "CC-BY-3.0, Carlo Flora"),
    "asterisk-core-sounds-ru-g722": ("1.6.1-1", "673b4238a6b8269960f055d868c6a11083f7a0d00979167cb01554046b48ed9b", "CC-BY-3.0, Maxim Topal"),
    "asterisk-moh-opsound-wav": ("2.03-1.1", "8f9d808a729d305c2d3343993f21ca5e6829e411682618dc8ea7aa8bc24a566c", "CC-BY-SA-3.0, Manolo Camp and others"),
    "bucklespring-data": ("1.4.0-2", "2add9f5583b3afc9c0b528066f4578baff930b74d4a94c8a25d103ef79a444e5", "GPL-2+, Ico Doornekampt"),
    "fillets-ng-data": ("1.0.1-1.1", "25de89afd8b1adf7bcace8290248a6a22c89cd42300317e69000e162c032cf84", "GPL-2, ALTAR interactive and others"),
    "fillets-ng-data-cs": ("1.0.1-1.1", "3ecef99b9456f1c80c9625c6f2418642b52d58e7167a46bad7a412db17991b14", "GPL-2, ALTAR interactive and others"),
    "pocketsphinx-testdata": ("0.8+5prealpha+1-15", "eaeb7a01d54f20b799d1a81ef110ec544b2cb47ea006614078220737a33019f0",
                              "BSD-2-clause, Carnegie Mellon University and Alpha Cephei"),
}

_SOUNDS = "usr/share/asterisk/sounds"
_FILLETS = "usr/share/games/fillets-ng"


def asterisk(lang, name):
    """Package and path of a spoken Asterisk prompt in G.722."""
    voice = {"en": "en_US_f_Allison", "fr": "fr_CA_f_June", "it": "it_IT_m_Carlo", "ru": "ru_RU_f_IvrvoiceRU"}[lang]
    return f"asterisk-core-sounds-{lang}-g722", f"{_SOUNDS}/{voice}/{name}.g722"


def fillets(lang, level, take):
    """Package and path of one spoken take of the game's two actors: -v- the big fish, -m- the small one."""
    return f"fillets-ng-data-{lang}", f"{_FILLETS}/sound/{level}/{lang}/{take}.ogg"


def keystroke(name):
    """Package and path of one key of an IBM Model M keyboard: scan code, then 1 for press and 0 for release."""
    return "bucklespring-data", f"usr/share/buckle/wav/{name}.wav"


def sphinx(name):
    """Package and path of a test utterance of CMU PocketSphinx."""
    return "pocketsphinx-testdata", f"usr/share/pocketsphinx/test/data/{name}"


def fillets_music(name):
    """Package and path of a piece of the game's music."""
    return "fillets-ng-data", f"{_FILLETS}/music/{name}.ogg"


def music(name):
    """Package and path of a music-on-hold recording of Asterisk."""
    return "asterisk-moh-opsound-wav", f"usr/share/asterisk/moh/{name}.wav"


def _sum(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def _deb(package):
    """Path of the verified .deb, downloaded when it is not there yet."""
    version, want, _ = PACKAGES[package]
    folder = os.environ.get("TIMBRE_DEB_DIR") or os.path.join(tempfile.gettempdir(), "timbre-debs")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{package}_{version}_all.deb")
    if not os.path.exists(path):
        subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", f"{package}={version}"], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL)
    got = _sum(path)
    if got != want:
        raise SystemExit(f"sources: {package} {version}: sha256 {got}, want {want}")
    return path


def locate(source):
    """Path on disk of (package, path inside it), unpacking the package on first use."""
    package, inside = source
    deb = _deb(package)
    root = deb[:-len(".deb")]
    if not os.path.isdir(root):
        part = root + ".part"
        subprocess.run(["dpkg-deb", "-x", deb, part], check=True)
        os.rename(part, root)
    path = os.path.join(root, inside)
    if not os.path.exists(path):
        raise SystemExit(f"sources: {package}: no file {inside}")
    return path
