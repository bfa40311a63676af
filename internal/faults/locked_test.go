package faults

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	_ "modernc.org/sqlite"             // the driver sqlite

	"github.com/timbre-voice/timbre/internal/testkit"
)

// stopAll ends calls at once and counts those that were confirmed.
func stopAll(calls []*call, most time.Duration) (confirmed int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, c := range calls {
		wg.Go(func() {
			if c.stop(most) {
				mu.Lock()
				confirmed++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return confirmed
}

// complete waits for the records of calls and counts those that are complete.
func (n *node) complete(calls []*call) (found int) {
	for _, c := range calls {
		if within(3*time.Minute, func() bool { s, err := n.record(c.id); return err == nil && s.State == "complete" }) {
			found++
		} else {
			s, err := n.record(c.id)
			n.t.Errorf("the record of %s: %+v, %v", c.id, s, err)
		}
	}
	return found
}

// TestLockedSQLite ends calls while another process has the file for its own.
func TestLockedSQLite(t *testing.T) {
	calls, locked := size(3, 50), time.Duration(size(6, 60))*time.Second
	dir := t.TempDir()
	file := filepath.Join(dir, "timbre.db")
	n := newNode(t, dir, "--db", file)
	n.start()
	all := dialAll(t, n, "locked", calls)
	time.Sleep(3 * time.Second)
	other, err := sql.Open("sqlite", "file:"+file+"?_txlock=exclusive&_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	from := time.Now()
	confirmed := stopAll(all, locked)
	alive := 0
	if n.alive() {
		alive = 1
	}
	time.Sleep(max(0, locked-time.Since(from)))
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	found := n.complete(all)
	n.stop()
	note := fmt.Sprintf("%s locked, %d confirmed on the socket meanwhile", locked, confirmed)
	report(t, row{"SQLite locked by another process: the server answers", 1, alive, 1 - alive, "server", note})
	report(t, row{"SQLite locked by another process: records of calls that ended meanwhile", calls, found, calls - found, "records", ""})
}

// TestCrashedPostgres kills a process of the database's again and again while calls end: PostgreSQL then cuts all connections and
// recovers, as after a restart.
func TestCrashedPostgres(t *testing.T) {
	calls, crashes := size(3, 50), size(2, 10)
	dsn := testkit.Postgres(t)
	n := newNode(t, t.TempDir(), "--db", dsn)
	n.start()
	all := dialAll(t, n, "crash", calls)
	time.Sleep(3 * time.Second)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	name := strings.TrimPrefix(mustURL(t, dsn).Path, "/")
	alive, crashed := 0, 0
	for i := range crashes {
		each := all[i*calls/crashes : (i+1)*calls/crashes]
		var pid int
		n.until("the database answers", time.Minute, func() bool {
			return db.QueryRowContext(t.Context(), "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND application_name = 'timbre' LIMIT 1", name).Scan(&pid) == nil
		})
		done := make(chan struct{})
		go func() { defer close(done); stopAll(each, time.Minute) }()
		if err := syscall.Kill(pid, syscall.SIGKILL); err == nil {
			crashed++
		}
		<-done
		if n.alive() {
			alive++
		}
	}
	found := n.complete(all)
	n.until("the server is ready", time.Minute, n.ready)
	n.stop()
	report(t, row{"PostgreSQL crashes and recovers: the server answers", crashed, alive, crashed - alive, "crashes", ""})
	report(t, row{"PostgreSQL crashes and recovers: records of calls that ended meanwhile", calls, found, calls - found, "records", ""})
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestStartsThatCannotWork starts servers that have no place to write, or no database: each ends with a message that names the
// thing and says what is wrong with it.
func TestStartsThatCannotWork(t *testing.T) {
	frozen := t.TempDir()
	if err := syscall.Mount("tmpfs", frozen, "tmpfs", syscall.MS_RDONLY, ""); err != nil {
		if *full {
			t.Fatalf("no file system can be mounted, which needs root: %v", err)
		}
		t.Skipf("no file system can be mounted, which needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(frozen, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	plain := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(plain, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	used := t.TempDir()
	n := newNode(t, used, "--db", filepath.Join(used, "timbre.db"))
	n.start()
	cases := []struct {
		name string
		args []string
		says []string
	}{
		{"read_only_folder", []string{"--data-dir", filepath.Join(frozen, "data")}, []string{frozen, "read-only file system"}},
		{"read_only_database", []string{"--data-dir", t.TempDir(), "--db", filepath.Join(frozen, "timbre.db")}, []string{frozen, "read-only file system"}},
		{"folder_is_a_file", []string{"--data-dir", plain}, []string{plain, "not a directory"}},
		{"database_is_none", []string{"--data-dir", t.TempDir(), "--db", plain}, []string{"not a SQLite database"}},
		{"database_is_gone", []string{"--data-dir", t.TempDir(), "--db", "postgres:///timbre?host=" + frozen}, []string{"unavailable", frozen}},
		{"folder_of_another_server", []string{"--data-dir", used, "--db", filepath.Join(t.TempDir(), "timbre.db")}, []string{used, "another process"}},
		{"broker_is_gone", []string{"--data-dir", t.TempDir(), "--nats-url", "nats://127.0.0.1:1"}, []string{"nats"}},
	}
	clear := 0
	for _, c := range cases {
		ok := t.Run(c.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), n.bin, append([]string{"serve", "--addr", "127.0.0.1:0"}, c.args...)...)
			var out strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
			defer timer.Stop()
			err := cmd.Wait()
			if cmd.ProcessState.ExitCode() != 1 {
				t.Errorf("ended with %v, want exit status 1", err)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			for _, word := range c.says {
				if last := lines[len(lines)-1]; !strings.Contains(last, word) || strings.Contains(out.String(), "goroutine ") {
					t.Errorf("the last line is %q, want one with %q", last, word)
				}
			}
		})
		if ok {
			clear++
		}
	}
	n.stop()
	report(t, row{"starts that cannot work end with a message that names why", len(cases), clear, len(cases) - clear, "starts", ""})
}
