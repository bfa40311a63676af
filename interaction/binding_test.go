package interaction

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBindingValidate(t *testing.T) {
	many := map[string]string{}
	for i := range maxBindingAttributes + 1 {
		many[strings.Repeat("k", i+1)] = "v"
	}
	late := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		b    Binding
		want string // empty: valid
	}{
		{"empty", Binding{}, ""},
		{"whole", Binding{AgentID: "a-1", Direction: "inbound", ChannelRoles: []Role{RoleCustomer, "", RoleAgent}, Attributes: map[string]string{"site": "Graz"}}, ""},
		{"text_too_long", Binding{Queue: strings.Repeat("q", maxBindingText+1)}, "queue"},
		{"control_character", Binding{AgentID: "a\n1"}, "agent_id"},
		{"not_utf8", Binding{CustomerID: "\xff"}, "customer_id"},
		{"direction", Binding{Direction: "sideways"}, `direction: "sideways", want inbound or outbound`},
		{"role", Binding{ChannelRoles: []Role{"boss"}}, `channel 0: "boss", want agent, customer or unknown`},
		{"one_side_twice", Binding{ChannelRoles: []Role{RoleAgent, RoleAgent}}, "channels 0 and 1 are both the agent's"},
		{"too_many_roles", Binding{ChannelRoles: make([]Role, maxBindingRoles+1)}, "33 channels"},
		{"too_many_attributes", Binding{Attributes: many}, "attributes: 65"},
		{"attribute_without_name", Binding{Attributes: map[string]string{"": "v"}}, "attribute name"},
		{"time_beyond_rfc3339", Binding{NoticePlayedAt: &late}, "notice_played_at"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.b.Validate()
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestBindingMergeKeepsWhatIsNotSaid(t *testing.T) {
	first := Binding{AgentID: "a-1", Queue: "billing", ChannelRoles: []Role{RoleCustomer}, Attributes: map[string]string{"site": "Graz"}}
	merged := first
	merged.Merge(Binding{AgentID: "a-2", ChannelRoles: []Role{"", RoleAgent}, Attributes: map[string]string{"tier": "gold"}})
	want := Binding{AgentID: "a-2", Queue: "billing", ChannelRoles: []Role{RoleCustomer, RoleAgent},
		Attributes: map[string]string{"site": "Graz", "tier": "gold"}}
	if d := cmp.Diff(want, merged); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if len(first.ChannelRoles) != 1 || len(first.Attributes) != 1 {
		t.Errorf("the binding that was copied changed: %+v", first)
	}
}
