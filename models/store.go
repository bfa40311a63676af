package models

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/timbre-voice/timbre/engine/nn"
)

//go:embed */*.json */*.safetensors */CARD.md
var shipped embed.FS

// The files of an artefact.
const (
	manifestFile = "manifest.json"
	weightsFile  = "weights.safetensors"
	cardFile     = "CARD.md"
)

// maxWeights bounds what is read into memory as weights.
const maxWeights = 1 << 30

// Artefact is a model that was found intact.
type Artefact struct {
	Manifest Manifest
	Tensors  *nn.Tensors
	Weights  []byte            // the file that Tensors lie over; not to be changed
	Card     string            // Markdown
	Files    map[string][]byte // what Manifest.Files names, by name; not to be changed
}

// Store is a set of artefacts, one folder each. It is safe for concurrent use when its file system is.
type Store struct {
	fsys fs.FS
}

// NewStore returns the artefacts of a file system, one folder each at its top.
func NewStore(fsys fs.FS) *Store { return &Store{fsys} }

// Shipped returns the artefacts inside this program.
func Shipped() *Store { return NewStore(shipped) }

// List returns the manifests of all shipped models in order of name.
func List() ([]Manifest, error) { return Shipped().List() }

// Load returns the shipped model of that name, checked. Errors: ErrNotFound, ErrManifest, ErrIntegrity, ErrMismatch.
func Load(name string) (*Artefact, error) { return Shipped().Load(name) }

// List returns the manifests of all artefacts in order of name. An artefact with a bad manifest is an error and no silent gap:
// what could be read is returned beside it.
func (s *Store) List() ([]Manifest, error) {
	dirs, err := fs.ReadDir(s.fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("models: list: %w", err)
	}
	var out []Manifest
	var errs []error
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		m, err := s.manifest(d.Name())
		switch {
		case errors.Is(err, ErrNotFound): // a folder of something else, as train
		case err != nil:
			errs = append(errs, err)
		default:
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b Manifest) int { return strings.Compare(a.Name, b.Name) })
	return out, errors.Join(errs...)
}

func (s *Store) manifest(name string) (Manifest, error) {
	if !nameForm.MatchString(name) { // also keeps a path out
		return Manifest{}, fmt.Errorf("%w: %q, want a name like task-arch-v1", ErrNotFound, name)
	}
	b, err := s.read(name+"/"+manifestFile, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, fmt.Errorf("%w: %q", ErrNotFound, name)
	}
	if err != nil {
		return Manifest{}, err
	}
	m, err := ParseManifest(b)
	if err == nil && m.Name != name {
		err = fmt.Errorf("%w: name %q in folder %q", ErrManifest, m.Name, name)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// read returns a whole file of at most limit bytes.
func (s *Store) read(path string, limit int64) ([]byte, error) {
	f, err := s.fsys.Open(path)
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", path, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("models: %s: more than %d bytes", path, limit)
	}
	return b, nil
}

// Load returns the artefact of that name: its manifest read strictly, its weights compared with the manifest's sha256, size and
// number of values, and the features that the weights themselves name compared with the manifest's.
// Errors: ErrNotFound, ErrManifest, ErrIntegrity (a file missing or other bytes), ErrMismatch.
func (s *Store) Load(name string) (*Artefact, error) {
	m, err := s.manifest(name)
	if err != nil {
		return nil, err
	}
	w, err := s.intact(name, File{weightsFile, m.WeightsBytes, m.SHA256})
	if err != nil {
		return nil, err
	}
	t, err := nn.LoadTensors(w)
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", name, err)
	}
	if t.Params() != m.Params {
		return nil, fmt.Errorf("%w: %s: %d values in the weights, manifest says %d", ErrMismatch, name, t.Params(), m.Params)
	}
	if f, ok := t.Metadata("front_end"); ok && f != m.Features {
		return nil, fmt.Errorf("%w: %s: weights were trained on features %q, manifest says %q", ErrMismatch, name, f, m.Features)
	}
	card, err := s.read(name+"/"+cardFile, maxManifest)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrIntegrity, name, err)
	}
	a := &Artefact{Manifest: m, Tensors: t, Weights: w, Card: string(card), Files: make(map[string][]byte, len(m.Files))}
	for _, f := range m.Files {
		if a.Files[f.Name], err = s.intact(name, f); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// intact returns the content of a file that is the one that the manifest of the artefact names, else ErrIntegrity.
func (s *Store) intact(name string, f File) ([]byte, error) {
	b, err := s.read(name+"/"+f.Name, min(f.Bytes, maxWeights))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrIntegrity, name, err)
	}
	if int64(len(b)) != f.Bytes {
		return nil, fmt.Errorf("%w: %s: %s: %d bytes, want %d", ErrIntegrity, name, f.Name, len(b), f.Bytes)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != strings.ToLower(f.SHA256) {
		return nil, fmt.Errorf("%w: %s: %s: sha256 %x, want %s", ErrIntegrity, name, f.Name, sum, f.SHA256)
	}
	return b, nil
}
