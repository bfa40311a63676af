// Package faults proves, on the real server binary over loopback, that what is promised under faults and attack holds: kill -9 under
// live calls, a full disk, a lost, locked or crashed database, a lost broker, starts that cannot work, hostile clients, forged and
// repeated handshakes, another tenant's keys on every route, socket and page, and a deleted person's traces in every byte that a run
// wrote.
//
// Its tests run each case small. `make bench-faults` runs them at full size, the server on one core and the tests on another, and
// prints the table: tried, survived, lost. Of a kill, what is lost is measured against what the server had received.
package faults
