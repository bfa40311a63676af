package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Page says which part of a list is wanted.
type Page struct {
	After string // List.Next of the page before; "" for the first
	Limit int    // rows at most, 1 to MaxLimit; 0: 50
}

// MaxLimit is the most rows that one page holds.
const MaxLimit = 1000

// List is one page. Rows that come and go between two pages neither repeat nor hide others: a page begins after the last row of
// the one before, wherever that row stood.
type List[T any] struct {
	Items []T
	Next  string // cursor of the next page; "" at the end
}

// Every yields all rows of a list, which is read page by page. An error is the last that it yields.
func Every[T any](ctx context.Context, list func(context.Context, Page) (List[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for p := (Page{Limit: MaxLimit}); ; {
			l, err := list(ctx, p)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, v := range l.Items {
				if !yield(v, nil) {
					return
				}
			}
			if l.Next == "" {
				return
			}
			p.After = l.Next
		}
	}
}

func (p Page) limit() (int, error) {
	switch {
	case p.Limit == 0:
		return 50, nil
	case p.Limit < 0, p.Limit > MaxLimit:
		return 0, invalid("limit", p.Limit, fmt.Sprintf("1 to %d", MaxLimit))
	}
	return p.Limit, nil
}

// order is a total order of a table's rows.
type order struct {
	cols  []string // never NULL, unique together
	kinds string   // of each column: s a text, n a whole number, f any number
	desc  bool
}

// page returns the tenant's rows that meet where, which counts its parameters from $1, in order.
func (tb *table[T]) page(ctx context.Context, q querier, tenant string, p Page, by order, where string, args ...any) (List[T], error) {
	limit, err := p.limit()
	if err != nil {
		return List[T]{}, err
	}
	cond, args, err := by.after(p.After, where, args)
	if err != nil {
		return List[T]{}, err
	}
	rows, err := tb.find(ctx, q, tenant, cond, by.tail(limit+1), args...)
	if err != nil {
		return List[T]{}, err
	}
	if len(rows) <= limit {
		return List[T]{Items: rows}, nil
	}
	rows = rows[:limit]
	last := make([]any, len(by.cols))
	fields := tb.fields(&rows[limit-1])
	for i, c := range by.cols {
		if last[i], err = plain(fields[slices.Index(tb.cols, c)]); err != nil {
			return List[T]{}, err
		}
	}
	next, err := encodeCursor(last)
	return List[T]{Items: rows, Next: next}, err
}

// after adds to where the condition that a row comes after the cursor.
func (o order) after(cursor, where string, args []any) (string, []any, error) {
	if cursor == "" {
		return where, args, nil
	}
	last, err := decodeCursor(cursor, o.kinds)
	if err != nil {
		return "", nil, err
	}
	sign := ">"
	if o.desc {
		sign = "<"
	}
	if where != "" {
		where += " AND "
	}
	where += "(" + strings.Join(o.cols, ", ") + ") " + sign + " (" + parameters(len(args)+1, len(args)+len(last)) + ")"
	return where, append(slices.Clone(args), last...), nil
}

func (o order) tail(limit int) string {
	direction := ""
	if o.desc {
		direction = " DESC"
	}
	return fmt.Sprintf("ORDER BY %s%s LIMIT %d", strings.Join(o.cols, direction+", "), direction, limit)
}

// A cursor is the order's columns of the last row, opaque to whoever holds it.
func encodeCursor(last []any) (string, error) {
	b, err := json.Marshal(last)
	return base64.RawURLEncoding.EncodeToString(b), err
}

func decodeCursor(cursor, kinds string) ([]any, error) {
	bad := invalid("cursor", cursor, "the next of a page of the same list")
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, bad
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var last []any
	if err := d.Decode(&last); err != nil || len(last) != len(kinds) || d.More() {
		return nil, bad
	}
	for i, x := range last {
		s, text := x.(string)
		n, number := x.(json.Number)
		switch {
		case text && kinds[i] == 's' && checkText("cursor", s) == nil:
		case number && kinds[i] == 'n':
			if last[i], err = n.Int64(); err != nil {
				return nil, bad
			}
		case number && kinds[i] == 'f':
			if last[i], err = n.Float64(); err != nil {
				return nil, bad
			}
		default:
			return nil, bad
		}
	}
	return last, nil
}
