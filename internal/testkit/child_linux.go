package testkit

import "syscall"

// child makes a process run as who, and end with us even when we are killed.
func child(who *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: who, Pdeathsig: syscall.SIGQUIT}
}
