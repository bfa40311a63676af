package ingest

import "sync/atomic"

// counters counts what one dialect did since the server started.
type counters struct {
	open        atomic.Int64
	accepted    atomic.Int64
	refused     atomic.Int64
	failed      atomic.Int64
	dropped     atomic.Int64
	messages    atomic.Int64
	bytes       atomic.Int64
	unknown     atomic.Int64
	late        atomic.Int64
	reordered   atomic.Int64
	gaps        atomic.Int64
	lostMs      atomic.Int64
	undecodable atomic.Int64
}

// Stats is a reading of counters, for metrics.
type Stats struct {
	Dialect     string
	Open        int64 // connections now
	Accepted    int64 // connections that were upgraded
	Refused     int64 // requests that were not
	Failed      int64 // connections that we closed because of what they sent
	Dropped     int64 // connections that broke or fell silent
	Messages    int64
	Bytes       int64
	Unknown     int64 // messages of a kind that the dialect does not know, passed over
	Late        int64 // chunks that came twice or after their place was filled
	Reordered   int64 // chunks that had to wait for one before them
	Gaps        int64
	LostMs      int64 // in those gaps
	Undecodable int64 // packets that were none
}

func (c *counters) stats(dialect string) Stats {
	return Stats{
		Dialect: dialect, Open: c.open.Load(), Accepted: c.accepted.Load(), Refused: c.refused.Load(), Failed: c.failed.Load(),
		Dropped: c.dropped.Load(), Messages: c.messages.Load(), Bytes: c.bytes.Load(), Unknown: c.unknown.Load(),
		Late: c.late.Load(), Reordered: c.reordered.Load(), Gaps: c.gaps.Load(), LostMs: c.lostMs.Load(),
		Undecodable: c.undecodable.Load(),
	}
}
