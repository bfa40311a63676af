package console

import "slices"

// The roles of a user.
const (
	RoleReviewer   = "reviewer"
	RoleLead       = "lead"
	RoleAgent      = "agent"
	RoleSupervisor = "supervisor"
	RoleSecurity   = "security"
	RoleAnalyst    = "analyst"
	RoleAdmin      = "admin"
)

// roles lists all roles in the order in which they are shown. Read only.
var roles = []string{RoleReviewer, RoleLead, RoleAgent, RoleSupervisor, RoleSecurity, RoleAnalyst, RoleAdmin}

// right is one thing that roles allow.
type right string

const (
	seeCalls    right = "calls"    // the worklist and every call
	listen      right = "listen"   // the audio of a call that one may see
	review      right = "review"   // score calls, correct labels
	lead        right = "lead"     // assign, sample, coverage, agreement
	live        right = "live"     // the calls that run
	ownReviews  right = "mine"     // one's own submitted reviews
	seeIdentity right = "identity" // verification, watchlists, consent, audit
	journeys    right = "journeys" // customers' journeys and exports
	administer  right = "admin"    // forms, rules, people, keys
)

// rights says what each role allows. Read only.
var rights = map[string][]right{
	RoleReviewer:   {seeCalls, listen, review},
	RoleLead:       {seeCalls, listen, review, lead, live, journeys},
	RoleAgent:      {ownReviews},
	RoleSupervisor: {seeCalls, listen, live},
	RoleSecurity:   {seeCalls, listen, seeIdentity},
	RoleAnalyst:    {seeCalls, journeys},
	RoleAdmin:      {administer},
}

// Visitor is who looks at a page.
type Visitor struct {
	Tenant string
	User   User
	Owner  bool // the first run on this machine: nobody has logged in, everything is allowed

	secret []byte // of the browser: CSRF tokens are made with it
}

func (v *Visitor) may(r right) bool {
	if v.Owner {
		return true
	}
	return slices.ContainsFunc(v.User.Roles, func(role string) bool { return slices.Contains(rights[role], r) })
}

// place is an entry of the navigation.
type place struct {
	Path  string
	Key   string // of the catalogue
	Icon  string // of the sprite
	right right
}

// places lists the navigation in its order. The first that a visitor may see is the visitor's home. Read only.
var places = []place{
	{"/calls", "nav.calls", "calls", seeCalls},
	{"/live", "nav.live", "live", live},
	{"/quality", "nav.quality", "quality", lead},
	{"/mine", "nav.mine", "mine", ownReviews},
	{"/identity", "nav.identity", "identity", seeIdentity},
	{"/customers", "nav.customers", "customers", journeys},
	{"/admin", "nav.admin", "admin", administer},
}

// placesOf returns the entries that v may see.
func placesOf(v *Visitor) []place {
	var out []place
	for _, p := range places {
		if v.may(p.right) {
			out = append(out, p)
		}
	}
	return out
}
