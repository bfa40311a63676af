package store

import (
	"fmt"
	"strings"
	"time"
)

// conditions collects what rows have to meet, with parameters counted from $1.
type conditions struct {
	parts []string
	args  []any
}

// add takes a piece whose parameters count from $1 of its own.
func (c *conditions) add(piece string, args ...any) {
	c.parts = append(c.parts, renumber(piece, len(c.args)))
	c.args = append(c.args, args...)
}

// equal asks for a value unless it is empty.
func (c *conditions) equal(col, value string) {
	if value != "" {
		c.add(col+" = $1", value)
	}
}

// among asks for one of the values unless there are none.
func among[S ~string](c *conditions, col string, values []S) {
	if len(values) == 0 {
		return
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = string(v)
	}
	c.add(col+" IN ("+parameters(1, len(args))+")", args...)
}

// between asks for a time in [from, to); a zero one is no limit.
func (c *conditions) between(col string, from, to time.Time) {
	if !from.IsZero() {
		c.add(col+" >= $1", from.UnixMicro())
	}
	if !to.IsZero() {
		c.add(col+" < $1", to.UnixMicro())
	}
}

func (c *conditions) where() string { return strings.Join(c.parts, " AND ") }

// Range is a closed interval; a nil end is open.
type Range struct {
	Min, Max *float64
}

func (c *conditions) within(col string, r Range) error {
	if r.Min != nil && r.Max != nil && !(*r.Min <= *r.Max) {
		return invalid("range of "+col, fmt.Sprintf("%g to %g", *r.Min, *r.Max), "a smallest value that is not above the largest")
	}
	if r.Min != nil {
		c.add(col+" >= $1", *r.Min)
	}
	if r.Max != nil {
		c.add(col+" <= $1", *r.Max)
	}
	return nil
}
