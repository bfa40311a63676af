// Package loopback tells what is this machine and nobody else. Where a server asks for no key, this alone keeps others out.
package loopback

import (
	"net"
	"net/netip"
	"strings"
)

// Host reports whether a host, with or without a port, is a name or an address of this machine alone: localhost, or an address of loopback
// (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3), mapped to IPv6 or not. No name is looked up.
func Host(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// Peer reports whether the address of a connection, with its port as in http.Request.RemoteAddr, is of this machine. A name is none.
func Peer(address string) bool {
	a, err := netip.ParseAddrPort(address)
	return err == nil && a.Addr().Unmap().IsLoopback()
}
