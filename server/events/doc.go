// Package events carries results out: live events to whoever listens now, and deliveries that must arrive to webhooks.
//
// The two have opposite promises and share one NATS server, embedded by default:
//
//	broker, err := events.Start(ctx, events.BrokerOptions{Dir: "data/nats"})   // or URL: "nats://..." for a cluster
//	bus := events.NewBus(broker.Conn(), events.BusOptions{})
//	err = bus.Publish(e)                                                       // never waits; a full ring loses the oldest
//	sub, err := bus.Subscribe(events.Filter{Tenant: "default"})
//	next, lost, err := sub.Next(ctx)                                           // lost: how many were dropped before this one
//
// Live events ride on core NATS through bounded rings, one on the way in and one per subscriber. A slow subscriber loses
// its oldest events and is told how many; a call is never slowed. Socket serves them as a websocket.
//
// Deliveries ride on JetStream. The store writes an outbox row in the transaction of the record itself; Relay moves rows to a
// Queue, one task per matching webhook, and marks them published. Deliverer posts them, signed. Acknowledgement and redelivery are
// JetStream's own; what is given up lands among the dead letters, where it can be looked at, sent again or dropped. A delivery
// arrives at least once, with an id by which a receiver drops a repetition.
//
// # Terms
//
// An event is the envelope of one thing that became known, with the struct of the interaction record it speaks of. seq counts
// the events of a call from 1 without gaps, so that a reader sees a loss; time_ms is how much of the call's audio was processed.
package events
