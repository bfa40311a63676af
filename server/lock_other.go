//go:build !unix

package server

// lockFolder does nothing where there are no locks of this kind.
func lockFolder(string) (release func() error, err error) { return func() error { return nil }, nil }
