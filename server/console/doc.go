// Package console is the web console of the server: pages for the people who review calls, lead quality, check callers and look
// after customers and the system. It is embedded in the binary; a page loads nothing from elsewhere.
//
//	h, err := console.New(console.Options{Store: store, Audio: audio, Events: sockets, Loopback: true})
//	mux.Handle("/", h)
//
// # Who comes in
//
// A person logs in with a password, kept as argon2id, and has roles that say which pages open. On loopback, until the first user is
// made, whoever comes from this machine is the owner and needs no login. A session is a cookie that scripts cannot read; every change
// carries a token that only our own page knows; every try to log in is counted by login and by address. What somebody listens to,
// exports, submits or changes is written into the audit log.
//
// # How pages are made
//
// Pages are html/template with parts that htmx asks for, a waveform by wavesurfer.js and curves by uPlot; their files and licences
// are in static/vendor. No script and no style stands in a page itself, so that the Content-Security-Policy can forbid both. Every
// text is in catalogue.tsv, in English and Polish. Times are sent in UTC and written in the viewer's zone by the page's script.
//
// The package declares the interfaces that it needs; package backing fills them with the store. Safe for concurrent use.
//
// # Terms
//
// A visitor is who looks at a page. A pile is a ready-made view of the worklist. A card is the scorecard that a reviewer fills in, a
// review one that was submitted. A sample is calls drawn at random, with its filter and seed kept.
package console
