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

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server"
	"github.com/timbre-voice/timbre/server/caller"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/people"
	"github.com/timbre-voice/timbre/server/policy"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// localTenant is the tenant whose rows the command line sees where no configuration names another.
const localTenant = "default"

// auditActor is who the audit log names for what the command line does, before the name of the person who gave one.
const auditActor = "command line"

// databaseFlags say where voiceprints are kept, under which policy, and who asks.
type databaseFlags struct {
	db, keyFile, config, by string
}

func (f *databaseFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.db, "db", "", "`PATH` of the database (default: that of --config, else timbre.db in the user's data folder)")
	fs.StringVar(&f.keyFile, "key-file", "", "`PATH` of the tenant keys, best on another volume (default: that of --config, else keys.json in the user's configuration folder)")
	fs.StringVar(&f.config, "config", "", "configuration `FILE` of timbre serve, for its policy and its tenant")
	fs.StringVar(&f.by, "by", "", "your `NAME`, for the audit log and for approvals")
}

// actor names who asks, in the audit log.
func (f *databaseFlags) actor() string {
	if f.by == "" {
		return auditActor
	}
	return auditActor + ": " + f.by
}

// site returns the policy and the tenant that --config names, or the default, and fills in its places.
func (f *databaseFlags) site() (policy.Config, string, error) {
	if f.config == "" {
		return policy.Default(), localTenant, nil
	}
	text, err := readConfig(f.config)
	if err != nil {
		return policy.Config{}, "", err
	}
	c, err := server.ParseConfig(text, os.LookupEnv)
	if err == nil {
		err = c.Validate()
	}
	if err != nil {
		return policy.Config{}, "", fmt.Errorf("%s: %w", f.config, err)
	}
	if f.db == "" {
		f.db = c.Database()
		if f.keyFile == "" {
			f.keyFile = c.Keys()
		}
	}
	return c.Policy, c.Tenant, nil
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
	path     string // of the database
	db       *store.Store
	rows     *store.Tenant
	keys     *identity.KeyFile  // nil: there is no key file
	registry *identity.Registry // nil without keys
	site     policy.Config      // as configured
	policy   policy.Config      // site, or ownPolicy over it
	by       string             // who asks, as the audit log names it
	who      string             // the same as --by names it
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
	rules, tenant, err := f.site()
	if err != nil {
		return nil, err
	}
	if f, err = f.resolve(); err != nil {
		return nil, err
	}
	local := !strings.Contains(f.db, "://")
	if local {
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
	p := &prints{path: f.db, db: db, rows: db.Tenant(tenant), site: rules, policy: rules, by: f.actor(), who: f.by}
	if err := errors.Join(db.EnsureTenant(ctx, tenant, tenant), p.openKeys(ctx, f.keyFile, need)); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", f.db, err), db.Close())
	}
	if p.keys != nil {
		p.registry = identity.NewRegistry(p.rows, p.keys, time.Now)
	}
	if f.config == "" && local {
		if err := p.ownPolicy(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", f.db, err), db.Close())
		}
	}
	return p, nil
}

// ownPolicy is the policy where nobody configured one and the database is a file of this machine: the default, and the searches that
// its operator asks for on the command line, in a watchlist for what the list itself says. It never reaches a server.
func (p *prints) ownPolicy(ctx context.Context) error {
	lists, err := p.rows.Watchlists(ctx)
	if err != nil {
		return err
	}
	searches := []policy.Search{{Kind: policy.SearchIdentification, Purpose: "a search that the operator of this database asked for",
		LegalBasis: "the operator's: no policy was configured", RetentionDays: 1, Approver: "the operator"}}
	for _, w := range lists {
		searches = append(searches, policy.Search{Kind: policy.SearchWatchlist, List: w.Name, Purpose: w.Purpose, LegalBasis: w.LegalBasis,
			RetentionDays: w.RetentionDays, Approver: w.Approver})
	}
	p.policy.Name, p.policy.Searches = "command-line", &searches
	return nil
}

// desk returns what enrols, compares and searches with the model of v.
func (p *prints) desk(v *voices) *people.Desk {
	id := v.model.ID()
	return &people.Desk{Registry: p.registry, Policy: p.policy,
		Known: caller.New(caller.Options{Model: v.model, Now: time.Now, Name: interaction.Model{
			Name: id.Name, Version: id.Version, SHA256: hex.EncodeToString(id.SHA256[:]), LicenceClass: v.manifest.LicenceClass,
		}}),
		Extractor: func() (*voiceprint.Extractor, func(), error) {
			x, err := v.extractor()
			return x, func() { v.extractors.Put(x) }, err
		}}
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
		normals, err := p.rows.VoiceNormalsNotUnder(ctx, "", store.Page{Limit: 1})
		if err != nil {
			return err
		}
		if len(sealed.Items)+len(normals.Items) > 0 {
			return fmt.Errorf("key file %s: not found, but the database holds prints that need it: give the right --key-file", path)
		}
		if keys, err = identity.CreateKeyFile(path, p.rows.ID()); errors.Is(err, fs.ErrExist) { // another process was faster
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
	if _, err := keys.Present(p.rows.ID()); errors.Is(err, identity.ErrUnknownKey) && need == mayCreate {
		if err := keys.AddTenant(p.rows.ID()); err != nil {
			return err
		}
	}
	p.keys = keys
	return nil
}

// others returns the models of a speaker's prints other than of this one, and whether there is one of this one.
func (p *prints) others(ctx context.Context, speaker string, model voiceprint.ModelID) (others []string, own bool, err error) {
	rows, err := p.rows.VoiceprintsOf(ctx, speaker)
	for _, row := range rows {
		if row.Model == model.Name && row.ModelVersion == model.Version && row.ModelSHA256 == hex.EncodeToString(model.SHA256[:]) {
			own = true
			continue
		}
		others = append(others, fmt.Sprintf("%s %s (%.8s)", row.Model, row.ModelVersion, row.ModelSHA256))
	}
	return others, own, err
}

// ofSpeaker names the speaker whose print does not open. Refusals name theirs.
func ofSpeaker(speaker string, err error) error {
	for _, kind := range []error{identity.ErrUnknownKey, identity.ErrSealBroken, identity.ErrEnvelope, identity.ErrKeyDestroyed} {
		if errors.Is(err, kind) {
			return fmt.Errorf("speaker %q: %w", speaker, err)
		}
	}
	return err
}

// finite is nil for what JSON has no number for.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
