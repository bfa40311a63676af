package interaction

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits on what one Binding may hold, so that metadata from outside cannot grow a record without bound.
const (
	maxBindingText       = 512 // bytes of one text
	maxBindingAttributes = 64
	maxBindingRoles      = 32
)

// Binding is what becomes known of a live call: who is on it, which side is which, and under which consent. Platforms tell it in
// the metadata at the start or by PATCH /v1/calls/{id} at any time. An empty field says nothing and takes nothing back.
type Binding struct {
	AgentID          string            `json:"agent_id,omitempty"`    // of the agent who is on the call now
	AgentName        string            `json:"agent_name,omitempty"`  // for people to read
	CustomerID       string            `json:"customer_id,omitempty"` // the site's id
	CustomerName     string            `json:"customer_name,omitempty"`
	ClaimedIdentity  string            `json:"claimed_identity,omitempty"` // the speaker that the caller claims to be
	ContactID        string            `json:"contact_id,omitempty"`       // the platform's id of the contact
	RelatedContactID string            `json:"related_contact_id,omitempty"`
	Direction        string            `json:"direction,omitempty"` // inbound or outbound
	Language         string            `json:"language,omitempty"`  // BCP 47 tag
	Queue            string            `json:"queue,omitempty"`
	ConsentRef       string            `json:"consent_ref,omitempty"` // added to those known
	NoticePlayedAt   *time.Time        `json:"notice_played_at,omitempty"`
	ChannelRoles     []Role            `json:"channel_roles,omitempty"` // by channel; an empty one says nothing about its channel
	Attributes       map[string]string `json:"attributes,omitempty"`    // added to those known
}

// texts lists the text fields by their JSON name.
func (b *Binding) texts() map[string]string {
	return map[string]string{
		"agent_id": b.AgentID, "agent_name": b.AgentName, "customer_id": b.CustomerID, "customer_name": b.CustomerName,
		"claimed_identity": b.ClaimedIdentity, "contact_id": b.ContactID, "related_contact_id": b.RelatedContactID,
		"direction": b.Direction, "language": b.Language, "queue": b.Queue, "consent_ref": b.ConsentRef,
	}
}

// Validate lists everything that is wrong with b: texts that are too long or not printable, a direction or role that is no word
// of the vocabulary, one side on two channels, too many entries.
func (b *Binding) Validate() error {
	var errs []error
	texts := b.texts()
	for k, v := range b.Attributes {
		texts["attributes."+k] = v
		if k == "" || !printable(k) {
			errs = append(errs, fmt.Errorf("interaction: binding: attribute name %s, want 1 to %d printable bytes", show(k), maxBindingText))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if v := texts[name]; !printable(v) {
			errs = append(errs, fmt.Errorf("interaction: binding: %s: %s, want at most %d bytes of printable UTF-8", name, show(v), maxBindingText))
		}
	}
	if b.Direction != "" && b.Direction != "inbound" && b.Direction != "outbound" {
		errs = append(errs, fmt.Errorf("interaction: binding: direction: %s, want inbound or outbound", show(b.Direction)))
	}
	if n := len(b.Attributes); n > maxBindingAttributes {
		errs = append(errs, fmt.Errorf("interaction: binding: attributes: %d, want at most %d", n, maxBindingAttributes))
	}
	if n := len(b.ChannelRoles); n > maxBindingRoles {
		errs = append(errs, fmt.Errorf("interaction: binding: channel_roles: %d channels, want at most %d", n, maxBindingRoles))
	}
	if t := b.NoticePlayedAt; t != nil {
		if _, err := t.MarshalJSON(); err != nil {
			errs = append(errs, fmt.Errorf("interaction: binding: notice_played_at: %s, want a time of RFC 3339", t))
		}
	}
	side := map[Role]int{}
	for i, r := range b.ChannelRoles {
		switch r {
		case RoleAgent, RoleCustomer:
			if first, taken := side[r]; taken {
				errs = append(errs, fmt.Errorf("interaction: binding: channel_roles: channels %d and %d are both the %s's, want one", first, i, r))
			}
			side[r] = i
		case RoleUnknown, "":
		default:
			errs = append(errs, fmt.Errorf("interaction: binding: channel_roles: channel %d: %s, want agent, customer or unknown", i, show(string(r))))
		}
	}
	return errors.Join(errs...)
}

// Merge lays b2 over b: what b2 says wins, what it leaves empty stays.
func (b *Binding) Merge(b2 Binding) {
	lay := func(to *string, from string) {
		if from != "" {
			*to = from
		}
	}
	lay(&b.AgentID, b2.AgentID)
	lay(&b.AgentName, b2.AgentName)
	lay(&b.CustomerID, b2.CustomerID)
	lay(&b.CustomerName, b2.CustomerName)
	lay(&b.ClaimedIdentity, b2.ClaimedIdentity)
	lay(&b.ContactID, b2.ContactID)
	lay(&b.RelatedContactID, b2.RelatedContactID)
	lay(&b.Direction, b2.Direction)
	lay(&b.Language, b2.Language)
	lay(&b.Queue, b2.Queue)
	lay(&b.ConsentRef, b2.ConsentRef)
	if b2.NoticePlayedAt != nil {
		b.NoticePlayedAt = b2.NoticePlayedAt
	}
	for i, r := range b2.ChannelRoles {
		for len(b.ChannelRoles) <= i {
			b.ChannelRoles = append(b.ChannelRoles[:len(b.ChannelRoles):len(b.ChannelRoles)], "")
		}
		if r != "" {
			b.ChannelRoles[i] = r
		}
	}
	if len(b2.Attributes) > 0 {
		b.Attributes = maps.Clone(b.Attributes)
		if b.Attributes == nil {
			b.Attributes = map[string]string{}
		}
		maps.Copy(b.Attributes, b2.Attributes)
	}
}

func printable(s string) bool {
	return len(s) <= maxBindingText && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
