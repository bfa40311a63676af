package faults

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestFullDisk ends calls while nothing can be written, makes room, and looks for their records.
func TestFullDisk(t *testing.T) {
	calls := size(3, 20)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		if *full {
			t.Fatalf("no small file system can be mounted, which needs root: %v", err)
		}
		t.Skipf("no small file system can be mounted, which needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	n := newNode(t, dir, "--db", filepath.Join(dir, "timbre.db"))
	n.start()
	all := dialAll(t, n, "disk", calls)
	time.Sleep(3 * time.Second)
	filler := filepath.Join(dir, "filler")
	fill(t, filler)
	if k := stopAll(all, 5*time.Second); k > 0 {
		t.Errorf("%d ends were confirmed while nothing could be kept", k)
	}
	time.Sleep(2 * time.Second)
	fill(t, filler) // what was freed meanwhile
	alive := 0
	if n.alive() {
		alive = 1
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	found := n.complete(all)
	n.stop()
	report(t, row{"disk full while calls end: the server answers", 1, alive, 1 - alive, "server", ""})
	report(t, row{"disk full while calls end: records once there is room", calls, found, calls - found, "records", ""})
}

// fill writes until the file system is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, n := range []int{1 << 20, 4096, 1} {
		for b := make([]byte, n); ; {
			if _, err := f.Write(b); err != nil {
				break
			}
		}
	}
}
