package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// localTenant is the tenant whose rows the command line sees.
const localTenant = "default"

// auditActor is who the audit log names for what the command line does.
const auditActor = "command line"

// databaseFlags say where voiceprints are kept.
type databaseFlags struct {
	db, keyFile string
}

func (f *databaseFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.db, "db", "", "`PATH` of the database (default: timbre.db in the user's data folder)")
	fs.StringVar(&f.keyFile, "key-file", "", "`PATH` of the tenant keys, best on another volume (default: keys.json in the user's configuration folder)")
}

// resolve fills in the defaults.
func (f databaseFlags) resolve() (databaseFlags, error) {
	if f.db == "" {
		dir, err := dataDir()
		if err != nil {
			return f, fmt.Errorf("--db: no data folder: %w, want a path", err)
		}
		f.db = filepath.Join(dir, "timbre", "timbre.db")
	}
	if f.keyFile == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return f, fmt.Errorf("--key-file: no configuration folder: %w, want a path", err)
		}
		f.keyFile = filepath.Join(dir, "timbre", "keys.json")
	}
	return f, nil
}

// dataDir returns the user's folder for data: that of the XDG base directory specification, or the system's own.
func dataDir() (string, error) {
	switch runtime.GOOS {
	case "windows", "darwin", "ios", "plan9":
		return os.UserConfigDir()
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "share"), err
}

// prints is the voiceprints of a database, with the keys that open them.
type prints struct {
	path  string // of the database
	db    *store.Store
	rows  *store.Tenant
	keys  *identity.KeyFile // nil: there is no key file
	vault *identity.Vault   // nil without keys
}

// access says what a command needs of the database.
type access int

const (
	mayCreate access = iota // database and keys are made where there are none
	needsKeys               // both have to be there
	anyKeys                 // the database has to be there
)

// openPrints opens the database that f names.
func openPrints(ctx context.Context, f databaseFlags, need access) (*prints, error) {
	f, err := f.resolve()
	if err != nil {
		return nil, err
	}
	if local := !strings.Contains(f.db, "://"); local {
		if need == mayCreate {
			if err := os.MkdirAll(filepath.Dir(f.db), 0o700); err != nil {
				return nil, fmt.Errorf("%s: %w", filepath.Dir(f.db), reason(err))
			}
		} else if _, err := os.Stat(f.db); err != nil {
			return nil, fmt.Errorf("%s: %w, want a database that timbre enroll has made", f.db, reason(err))
		}
	}
	db, err := store.Open(ctx, store.Options{DSN: f.db, Now: time.Now})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.db, err)
	}
	p := &prints{path: f.db, db: db, rows: db.Tenant(localTenant)}
	if err := errors.Join(db.EnsureTenant(ctx, localTenant, localTenant), p.openKeys(ctx, f.keyFile, need)); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", f.db, err), db.Close())
	}
	return p, nil
}

// close closes the database and adds what went wrong to *err.
func (p *prints) close(err *error) {
	if e := p.db.Close(); e != nil {
		*err = errors.Join(*err, fmt.Errorf("%s: %w", p.path, e))
	}
}

// openKeys opens the key file, or makes it where that orphans nothing.
func (p *prints) openKeys(ctx context.Context, path string, need access) error {
	keys, err := identity.OpenKeyFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && need == anyKeys:
		return nil
	case errors.Is(err, fs.ErrNotExist) && need == mayCreate:
		sealed, err := p.rows.PersonKeysNotUnder(ctx, "", store.Page{Limit: 1})
		if err != nil {
			return err
		}
		if len(sealed.Items) > 0 {
			return fmt.Errorf("key file %s: not found, but the database holds prints that need it: give the right --key-file", path)
		}
		if keys, err = identity.CreateKeyFile(path, localTenant); errors.Is(err, fs.ErrExist) { // another process was faster
			keys, err = identity.OpenKeyFile(path)
		}
		if err != nil {
			return err
		}
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("key file %s: not found, want the one that the prints were sealed with", path)
	case err != nil:
		return err
	}
	if _, err := keys.Present(localTenant); errors.Is(err, identity.ErrUnknownKey) && need == mayCreate {
		if err := keys.AddTenant(localTenant); err != nil {
			return err
		}
	}
	p.keys, p.vault = keys, identity.NewVault(keys)
	return nil
}

func subjectOf(speaker string) identity.Subject {
	return identity.Subject{Tenant: localTenant, Speaker: speaker}
}

func bindingOf(speaker, model, version string) identity.Binding {
	return identity.Binding{Subject: subjectOf(speaker), Model: model, ModelVersion: version}
}

// optedOut reports whether the person asked never to be known by voice.
func (p *prints) optedOut(ctx context.Context, speaker string) (bool, error) {
	alias, err := p.keys.Pseudonym(subjectOf(speaker))
	if err != nil {
		return false, err
	}
	return p.rows.IsOptedOut(ctx, alias)
}

// audit writes what was done to a person into the log, under the pseudonym.
func (p *prints) audit(ctx context.Context, action, speaker string, detail map[string]string) (alias string, err error) {
	if p.keys != nil {
		if alias, err = p.keys.Pseudonym(subjectOf(speaker)); err != nil {
			return "", err
		}
	}
	_, err = p.rows.AppendAudit(ctx, store.AuditEntry{Actor: auditActor, Action: action, Subject: alias, Detail: detail})
	return alias, err
}

// held is one print of a speaker, opened.
type held struct {
	row   store.Voiceprint
	print *voiceprint.Voiceprint
}

// open opens a sealed print. wrapped is the person's key.
func (p *prints) open(ctx context.Context, row store.Voiceprint, wrapped []byte) (*voiceprint.Voiceprint, error) {
	plain, err := p.vault.Open(ctx, bindingOf(row.SpeakerID, row.Model, row.ModelVersion), wrapped, row.Sealed)
	if err != nil {
		return nil, fmt.Errorf("%s: speaker %q: %w", p.path, row.SpeakerID, err)
	}
	v := &voiceprint.Voiceprint{}
	if err := v.UnmarshalBinary(plain); err != nil {
		return nil, fmt.Errorf("%s: speaker %q: %w", p.path, row.SpeakerID, err)
	}
	return v, nil
}

// personKey returns the wrapped key of a person.
func (p *prints) personKey(ctx context.Context, speaker string) ([]byte, error) {
	key, err := p.rows.PersonKey(ctx, speaker)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil // the vault says what that means
	}
	return key.Wrapped, err
}

// of returns the print that a speaker has of a model, nil where there is none, and the models of the speaker's other prints.
func (p *prints) of(ctx context.Context, speaker string, model voiceprint.ModelID) (*held, []string, error) {
	rows, err := p.rows.VoiceprintsOf(ctx, speaker)
	if err != nil {
		return nil, nil, err
	}
	var others []string
	for _, row := range rows {
		if row.Model != model.Name || row.ModelVersion != model.Version || row.ModelSHA256 != hex.EncodeToString(model.SHA256[:]) {
			others = append(others, fmt.Sprintf("%s %s (%.8s)", row.Model, row.ModelVersion, row.ModelSHA256))
			continue
		}
		wrapped, err := p.personKey(ctx, speaker)
		if err != nil {
			return nil, nil, err
		}
		v, err := p.open(ctx, row, wrapped)
		if err != nil {
			return nil, nil, err
		}
		return &held{row, v}, others, nil
	}
	return nil, others, nil
}

// save seals a print and stores it; id is that of the print it replaces, empty for a new one.
func (p *prints) save(ctx context.Context, speaker, id, consent string, v *voiceprint.Voiceprint) (store.Voiceprint, error) {
	wrapped, err := p.personKey(ctx, speaker)
	if err != nil {
		return store.Voiceprint{}, err
	}
	plain, err := v.MarshalBinary()
	if err != nil {
		return store.Voiceprint{}, err
	}
	sealed, err := p.vault.Seal(ctx, bindingOf(speaker, v.Model.Name, v.Model.Version), wrapped, plain)
	if err != nil {
		return store.Voiceprint{}, fmt.Errorf("%s: speaker %q: %w", p.path, speaker, err)
	}
	return p.rows.SaveVoiceprint(ctx, store.Voiceprint{ID: id, SpeakerID: speaker, Model: v.Model.Name, ModelVersion: v.Model.Version,
		ModelSHA256: hex.EncodeToString(v.Model.SHA256[:]), Sealed: sealed, ConsentRef: consent, NetSpeechMs: v.Quality.NetSpeech.Milliseconds(),
		SNRdB: finite(v.Quality.SNRdB), Sources: len(v.Sources)})
}

// finite is nil for what JSON has no number for.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// gallery loads every print of a model that a search may compare with, of a watchlist where one is named. Entries are named by the
// id of their print; the map tells whose it is.
func (p *prints) gallery(ctx context.Context, m *voiceprint.Model, watchlist string) (*voiceprint.Gallery, map[string]string, error) {
	g, who := voiceprint.NewGallery(m), map[string]string{}
	for page := (store.Page{Limit: store.MaxLimit}); ; {
		list, err := p.rows.Gallery(ctx, m.ID().Name, m.ID().Version, watchlist, page)
		if err != nil {
			return nil, nil, err
		}
		for _, row := range list.Items {
			wrapped, err := p.personKey(ctx, row.SpeakerID)
			if err != nil {
				return nil, nil, err
			}
			v, err := p.open(ctx, row, wrapped)
			if err == nil {
				err = g.Add(row.ID, v)
			}
			if err != nil {
				return nil, nil, err
			}
			who[row.ID] = row.SpeakerID
		}
		if list.Next == "" {
			return g, who, nil
		}
		page.After = list.Next
	}
}
