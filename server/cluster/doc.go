// Package cluster joins the streams of one call wherever they land: it is live.Directory over NATS.
//
//	d, err := cluster.New(ctx, cluster.Options{Conn: broker.Conn()})
//	hub, err := live.New(live.Options{Directory: d, ...})
//	err = d.Serve(hub.OpenHere)          // other nodes may now bring streams
//	err = d.Shutdown(ctx)                // ends those, before the hub's own
//	d.Close()
//
// # Claims
//
// The node to which the first stream of a call comes claims the call; the streams of the same call that come to other nodes are
// forwarded to it. A claim is a key of a JetStream key-value bucket, made by Create, which is compare-and-set on the server: of two
// claims at the same instant one wins, and no protocol of ours has to be right for it. It also outlives a restart of the NATS server,
// which a table that the nodes tell each other by request and reply would not.
//
// A claim names the process that made it. One whose process answers nobody is of a dead node, and one that its process does not
// know is left over; both are taken over, again by compare-and-set, so that no node has to renew its claims as long as a call lasts.
// What nobody asks for any more the bucket drops after a day. Where NATS cannot be reached, and not for a moment only, a node takes
// the call without a claim, which it makes up for later: a call is worth more than the joining of its streams.
//
// # Forwarding
//
// Each method of the forwarded ingest.Call is one request over core NATS, numbered, with one in flight: the answer comes when the
// owner's method returns, so that a call that is behind slows its platform here as it does there, and no more than one message waits
// on either side. A request without an answer is sent again under its number, which the owner does once; so a short loss of NATS
// costs time and no samples. An owner that takes long says so, and is not taken for dead. Samples travel as float32, the record is
// the same on whatever node a leg lands.
//
// A node that is silent for Options.Grace is given up: by the owner, the streams that it brought, as broken connections; by the
// others, the owner, whose calls end here with ingest.ErrGone.
package cluster
