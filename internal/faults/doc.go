// Package faults proves, on the real server binary over loopback, that what is promised under faults and attack holds: kill -9 under
// live calls, a full disk, a lost database, a lost broker, hostile clients, and another tenant's keys on every route.
//
// Its tests run each case small. `make bench-faults` runs them at full size and prints the table: tried, survived, lost.
package faults
