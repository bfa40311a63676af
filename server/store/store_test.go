package store

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/timbre-voice/timbre/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// clock is a time that moves by a second each time it is asked, so that no two rows are of one time.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

var epoch = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(time.Second)
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// world is an open store with two tenants.
type world struct {
	*Store
	dsn   string
	clock *clock
	a, b  *Tenant
}

func open(tb testing.TB, dsn string) *world {
	tb.Helper()
	w := &world{dsn: dsn, clock: &clock{t: epoch}}
	var err error
	if w.Store, err = Open(tb.Context(), Options{DSN: dsn, Now: w.clock.now}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := w.Close(); err != nil {
			tb.Error(err)
		}
	})
	for _, id := range []string{"a", "b"} {
		must(tb, w.EnsureTenant(tb.Context(), id, "tenant "+id))
	}
	w.a, w.b = w.Tenant("a"), w.Tenant("b")
	return w
}

// onBoth runs the same test on each real engine, empty at its start.
func onBoth(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("sqlite", func(t *testing.T) { test(t, open(t, filepath.Join(t.TempDir(), "timbre.db"))) })
	t.Run("postgres", func(t *testing.T) {
		dsn := sharedPostgres(t)
		s, err := Open(t.Context(), Options{DSN: dsn, Now: time.Now})
		must(t, err)
		_, err = s.write.ExecContext(t.Context(), "TRUNCATE tenants CASCADE")
		must(t, err)
		must(t, s.Close())
		test(t, open(t, dsn))
	})
}

// sharedPostgres returns one database for the tests that leave its schema as it is: making one takes longer than most tests.
func sharedPostgres(t *testing.T) string {
	shared.Do(func() { sharedDSN = testkit.Postgres(t) })
	if sharedDSN == "" {
		t.Fatal("PostgreSQL did not start, see the first test that asked for it")
	}
	return sharedDSN
}

var (
	shared    sync.Once
	sharedDSN string
)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// ok returns v where err is nil.
func ok[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		must(tb, err)
		return v
	}
}

func equal[T any](tb testing.TB, got, want T) {
	tb.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		tb.Errorf("-want +got:\n%s", d)
	}
}

func code(tb testing.TB, err error, want string) {
	tb.Helper()
	if got := Code(err); got != want {
		tb.Errorf("error %v has code %q, want %q", err, got, want)
	}
}

func TestOpen(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage")
	must(t, os.WriteFile(garbage, []byte("this is a text that is no database, whatever its length may be ..."), 0o600))
	for _, c := range []struct {
		name string
		o    Options
		want string
	}{
		{"no_clock", Options{DSN: filepath.Join(dir, "x")}, "invalid"},
		{"no_address", Options{Now: time.Now}, "invalid"},
		{"another_engine", Options{DSN: "mysql://h/d", Now: time.Now}, "invalid"},
		{"bad_postgres_address", Options{DSN: "postgres://h:port/d", Now: time.Now}, "invalid"},
		{"no_server", Options{DSN: "postgres:///d?host=" + dir, Now: time.Now}, "unavailable"},
		{"no_folder", Options{DSN: filepath.Join(dir, "none", "x"), Now: time.Now}, "unavailable"},
		{"no_database", Options{DSN: garbage, Now: time.Now}, "invalid"},
		{"negative_connections", Options{DSN: filepath.Join(dir, "x"), Now: time.Now, Conns: -1}, "invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Open(ctx, c.o)
			if err == nil {
				s.Close()
			}
			code(t, err, c.want)
		})
	}
}

func TestFileIsPrivateAndItsNameIsTakenAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?mode=memory#%41.db")
	w := open(t, path)
	for _, p := range []string{path, path + "-wal"} {
		info, err := os.Stat(p)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o, want 600", p, info.Mode().Perm())
		}
	}
	must(t, w.Ping(t.Context()))
}

func TestReopenedStoreHasItsRowsAndANewerSchemaIsRefused(t *testing.T) {
	for name, dsn := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "timbre.db"), "postgres": testkit.Postgres(t)} {
		t.Run(name, func(t *testing.T) {
			w, ctx := open(t, dsn), t.Context()
			again, err := Open(ctx, Options{DSN: w.dsn, Now: w.clock.now})
			must(t, err)
			tenants, err := again.Tenants(ctx)
			must(t, err)
			if len(tenants) != 2 || tenants[0].ID != "a" || tenants[1].Name != "tenant b" {
				t.Errorf("tenants %v, want a and b", tenants)
			}
			must(t, again.Close())
			_, err = w.write.ExecContext(ctx, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, TRUE)")
			must(t, err)
			_, err = Open(ctx, Options{DSN: w.dsn, Now: w.clock.now})
			code(t, err, "invalid")
		})
	}
}

func TestStoresThatOpenAtOnceTakeTurns(t *testing.T) {
	for name, dsn := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "timbre.db"), "postgres": testkit.Postgres(t)} {
		t.Run(name, func(t *testing.T) {
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					s, err := Open(t.Context(), Options{DSN: dsn, Now: time.Now})
					if err != nil {
						t.Error(err)
						return
					}
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		})
	}
}
