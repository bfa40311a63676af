package interaction

import "testing"

func TestExternalID(t *testing.T) {
	r := &Interaction{Participants: []Participant{
		{Role: RoleAgent, ExternalID: "first"}, {Role: RoleCustomer}, {Role: RoleAgent, ExternalID: "last"}, {Role: RoleUnknown, ExternalID: "who"}, {Role: RoleAgent},
	}}
	for role, want := range map[Role]string{RoleAgent: "last", RoleCustomer: "", RoleUnknown: "who"} {
		if got := r.ExternalID(role); got != want {
			t.Errorf("%s: %q, want %q", role, got, want)
		}
	}
	if got := (&Interaction{}).ExternalID(RoleAgent); got != "" {
		t.Errorf("a record of nobody: %q", got)
	}
}
