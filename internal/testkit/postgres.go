//go:build unix

package testkit

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// postgres is the server of this test process, started by the first test that asks for one and ended by Main.
var postgres struct {
	sync.Mutex
	bin       string // folder of the programs
	dir       string // data and socket
	cmd       *exec.Cmd
	err       error
	databases int
}

// Postgres returns the address of a new, empty database on a private PostgreSQL server: Debian's package, run as an unprivileged
// user in a folder of its own, on a Unix socket only. It fails the test where the package is not installed. The package's
// TestMain must call Main, which ends the server.
func Postgres(tb testing.TB) string {
	tb.Helper()
	postgres.Lock()
	defer postgres.Unlock()
	if postgres.cmd == nil && postgres.err == nil {
		postgres.err = startPostgres()
	}
	if postgres.err != nil {
		tb.Fatalf("testkit: postgres: %v", postgres.err)
	}
	postgres.databases++
	name := fmt.Sprintf("timbre_%d", postgres.databases)
	out, err := exec.Command(filepath.Join(postgres.bin, "createdb"), "-h", postgres.dir, "-U", "timbre", name).CombinedOutput()
	if err != nil {
		tb.Fatalf("testkit: postgres: createdb: %v\n%s", err, out)
	}
	q := url.Values{"host": {postgres.dir}, "user": {"timbre"}}
	return "postgres:///" + name + "?" + q.Encode()
}

func startPostgres() (err error) {
	if postgres.bin, err = findPostgres(); err != nil {
		return err
	}
	// Under /tmp rather than in a folder of the test: the path of a socket is at most 107 bytes, and the user must reach it.
	if postgres.dir, err = os.MkdirTemp("/tmp", "timbre-pg"); err != nil {
		return err
	}
	who, err := unprivileged()
	if err != nil {
		return err
	}
	attr := child(who)
	if who != nil {
		if err := os.Chown(postgres.dir, int(who.Uid), int(who.Gid)); err != nil {
			return err
		}
	}
	data := filepath.Join(postgres.dir, "data")
	initdb := exec.Command(filepath.Join(postgres.bin, "initdb"), "-D", data, "-U", "timbre", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = postgres.dir, attr
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	log, err := os.Create(filepath.Join(postgres.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	// fsync off: the machine that crashes takes the test with it.
	cmd := exec.Command(filepath.Join(postgres.bin, "postgres"), "-D", data, "-k", postgres.dir, "-c", "listen_addresses=", "-c", "fsync=off",
		"-c", "shared_buffers=64MB", "-c", "autovacuum=off")
	cmd.Dir, cmd.SysProcAttr, cmd.Stdout, cmd.Stderr = postgres.dir, attr, log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	postgres.cmd = cmd
	for range 600 {
		if exec.Command(filepath.Join(postgres.bin, "pg_isready"), "-q", "-h", postgres.dir).Run() == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.Join(fmt.Errorf("not ready after 30 s, see %s", log.Name()), cmd.Process.Kill(), cmd.Wait())
}

// stopPostgres ends the server and removes its folder.
func stopPostgres() {
	postgres.Lock()
	defer postgres.Unlock()
	if postgres.cmd != nil {
		postgres.cmd.Process.Signal(syscall.SIGQUIT) // at once: nothing in it is kept
		postgres.cmd.Wait()
		postgres.cmd = nil
	}
	if postgres.dir != "" {
		os.RemoveAll(postgres.dir)
	}
}

// findPostgres returns the folder of the newest server's programs, which Debian does not put on the PATH.
func findPostgres() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	slices.SortFunc(found, func(a, b string) int { return bytes.Compare(version(a), version(b)) })
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", errors.New("initdb: not found, want PostgreSQL: apt-get install postgresql (scripts/setup test does)")
}

// version makes the number in a path of Debian's sort as a number.
func version(path string) []byte {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // 0 where it is none
	return fmt.Appendf(nil, "%09d", n)
}

// unprivileged returns the user to run the server as: nil, ourselves, unless we are root, whom PostgreSQL refuses.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
	}
	return nil, errors.New("users postgres and nobody: not found, want one to run the server as, which root may not")
}
