package loopback

import "testing"

func TestHost(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost:8080": true, "127.0.0.1": true, "127.8.9.10:1": true, "[::1]:443": true, "[::1]": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, ":8080": false, "0.0.0.0": false, "[::]:80": false, "10.0.0.1:80": false, "::ffff:10.0.0.1": false, "example.com": false,
		"localhost.example.com": false, "127.0.0.1.example.com": false, "127.1": false, "2130706433": false, "localhost.": false,
	} {
		if got := Host(host); got != want {
			t.Errorf("%q: %t, want %t", host, got, want)
		}
	}
}

func TestPeer(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:5000": true, "[::1]:5000": true, "[::ffff:127.0.0.1]:5000": true,
		"": false, "127.0.0.1": false, "::1": false, "localhost:5000": false, "10.0.0.1:5000": false, "[fe80::1%eth0]:5000": false, "@": false,
	} {
		if got := Peer(address); got != want {
			t.Errorf("%q: %t, want %t", address, got, want)
		}
	}
}
