//go:build unix

package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockFolder takes a data folder for this process alone and returns what gives it back. Two processes over one folder would write the
// same streams of the broker. The lock ends with the process, however that ends.
func lockFolder(dir string) (release func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("server: data_dir: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errors.New("in use by another process, want a folder of its own for each")
		}
		return nil, errors.Join(fmt.Errorf("server: data_dir: %s: %w", dir, err), f.Close())
	}
	return f.Close, nil
}
