// Package rules raises alerts: while a call runs, and again over past records with the same code.
//
// A Set is read from YAML (or JSON, which is YAML) by Parse, strictly. Each rule has one condition:
//
//	rules:
//	  - name: angry_customer
//	    severity: critical                       # info, warning (default), critical
//	    queues: [billing]                        # default: calls of every queue
//	    customer_anger: {over: 0.7, for: 8s}     # 8 s of the customer's speech in a row with anger at 0.7 or more
//	  - name: dead_air
//	    silence: {over: 20s}                     # nobody speaks; time on hold does not count unless count_hold: true
//	  - name: talking_over
//	    overtalk: {over: 5s, within: 60s}        # both sides at once, summed over any 60 s
//	  - name: not_who_they_say
//	    verification: {decisions: [not_authenticated, locked]}
//	  - name: known_fraudster
//	    watchlist: {lists: [fraud], min_llr: 4}
//
// A Call takes what becomes known of one call in order and returns the alerts that it raises; Evaluate feeds it from a record. The
// package is pure: no clock, no I/O. An alert's evidence is worded as what was measured, never as a fact about a person, and no
// rule looks at an agent's emotion.
package rules
