package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// table says how values of one type lie in one table, so that each column is named once. Every table begins with the column
// tenant, which is $1 of every statement made here: no statement is without it.
type table[T any] struct {
	name     string
	what     string         // one row of it, for messages
	key      []string       // the primary key below the tenant
	emptyKey bool           // the key may hold empty texts
	cols     []string       // every column but the tenant, the key first
	fields   func(*T) []any // where each column lives in the value, in the order of cols
}

// values returns the columns of v as drivers take them, checked.
func (tb *table[T]) values(v *T) ([]any, error) {
	out := make([]any, len(tb.cols))
	for i, f := range tb.fields(v) {
		x, err := plain(f)
		if err != nil {
			return nil, err
		}
		if s, ok := x.(string); ok {
			if i < len(tb.key) && !(tb.emptyKey && s == "") {
				err = checkKey(tb.what+" "+tb.cols[i], s)
			} else {
				err = checkText(tb.what+" "+tb.cols[i], s)
			}
			if err != nil {
				return nil, err
			}
		}
		out[i] = x
	}
	return out, nil
}

// insert adds a row. Errors: ErrConflict where the key is taken, ErrNotFound where the row that it belongs to is missing,
// ErrInvalid.
func (tb *table[T]) insert(ctx context.Context, q querier, tenant string, v *T) error {
	_, err := tb.write(ctx, q, tenant, v, "")
	return err
}

// insertNew adds a row unless its key is taken, and reports whether it did.
func (tb *table[T]) insertNew(ctx context.Context, q querier, tenant string, v *T) (bool, error) {
	n, err := tb.write(ctx, q, tenant, v, " ON CONFLICT DO NOTHING")
	return n == 1, err
}

// put adds a row or, where the key is taken, sets all its columns but those named in keep.
func (tb *table[T]) put(ctx context.Context, q querier, tenant string, v *T, keep ...string) error {
	_, err := tb.putWhere(ctx, q, tenant, v, "", keep...)
	return err
}

// putWhere is put that sets nothing where the key is taken and where does not hold, which reads the row as the table's name and the
// new one as excluded. It reports whether it wrote.
func (tb *table[T]) putWhere(ctx context.Context, q querier, tenant string, v *T, where string, keep ...string) (bool, error) {
	var set []string
	for _, c := range tb.cols[len(tb.key):] {
		if !slices.Contains(keep, c) {
			set = append(set, c+" = excluded."+c)
		}
	}
	conflict := " ON CONFLICT (tenant, " + strings.Join(tb.key, ", ") + ") DO UPDATE SET " + strings.Join(set, ", ")
	if where != "" {
		conflict += " WHERE " + where
	}
	n, err := tb.write(ctx, q, tenant, v, conflict)
	return n > 0, err
}

func (tb *table[T]) write(ctx context.Context, q querier, tenant string, v *T, onConflict string) (int64, error) {
	values, err := tb.values(v)
	if err != nil {
		return 0, err
	}
	statement := "INSERT INTO " + tb.name + " (tenant, " + strings.Join(tb.cols, ", ") + ") VALUES (" + parameters(1, 1+len(values)) + ")" + onConflict
	n, err := exec(ctx, q, statement, append([]any{tenant}, values...)...)
	return n, explain(err, tb.what, values[:len(tb.key)]...)
}

// set changes columns of the row of that key and fails with ErrNotFound where there is none.
func (tb *table[T]) set(ctx context.Context, q querier, tenant string, key []any, changes string, args ...any) error {
	where, all := tb.byKey(tenant, key)
	n, err := exec(ctx, q, "UPDATE "+tb.name+" SET "+renumber(changes, len(all))+where, append(all, args...)...)
	if err == nil && n == 0 {
		return notFound(tb.what, key...)
	}
	return explain(err, tb.what, key...)
}

// get returns the row of that key or ErrNotFound.
func (tb *table[T]) get(ctx context.Context, q querier, tenant string, key ...any) (T, error) {
	where, args := tb.byKey(tenant, key)
	rows, err := tb.query(ctx, q, where, args...)
	if err == nil && len(rows) == 0 {
		err = notFound(tb.what, key...)
	}
	if err != nil {
		var none T
		return none, err
	}
	return rows[0], nil
}

// remove deletes the row of that key or returns ErrNotFound.
func (tb *table[T]) remove(ctx context.Context, q querier, tenant string, key ...any) error {
	where, args := tb.byKey(tenant, key)
	n, err := exec(ctx, q, "DELETE FROM "+tb.name+where, args...)
	if err == nil && n == 0 {
		return notFound(tb.what, key...)
	}
	return explain(err, tb.what, key...)
}

// find returns the tenant's rows that meet where, which counts its parameters from $1 as if there were no tenant. tail orders and
// limits.
func (tb *table[T]) find(ctx context.Context, q querier, tenant, where, tail string, args ...any) ([]T, error) {
	rest := " WHERE " + tb.name + ".tenant = $1"
	if where != "" {
		rest += " AND " + renumber(where, 1)
	}
	return tb.query(ctx, q, rest+" "+tail, append([]any{tenant}, args...)...)
}

// query selects rows of the table; rest is everything after its name.
func (tb *table[T]) query(ctx context.Context, q querier, rest string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+tb.columns()+" FROM "+tb.name+rest, args...)
	if err != nil {
		return nil, explain(err, tb.what)
	}
	return tb.scan(rows)
}

// columns lists the table's columns as SELECT takes them.
func (tb *table[T]) columns() string {
	return tb.name + "." + strings.Join(tb.cols, ", "+tb.name+".")
}

func (tb *table[T]) scan(rows *sql.Rows) (out []T, err error) {
	defer func() { err = errors.Join(err, explain(rows.Close(), tb.what)) }()
	for rows.Next() {
		var v T
		if err := rows.Scan(tb.fields(&v)...); err != nil {
			return nil, explain(err, tb.what)
		}
		out = append(out, v)
	}
	return out, explain(rows.Err(), tb.what)
}

// byKey returns the condition for a key with its arguments, the tenant first.
func (tb *table[T]) byKey(tenant string, key []any) (string, []any) {
	where := " WHERE tenant = $1"
	for i, c := range tb.key {
		where += fmt.Sprintf(" AND %s = $%d", c, i+2)
	}
	return where, append([]any{tenant}, key...)
}

// exec runs a statement and returns how many rows it changed.
func exec(ctx context.Context, q querier, statement string, args ...any) (int64, error) {
	r, err := q.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// count returns the single number that a statement selects.
func count(ctx context.Context, q querier, statement string, args ...any) (n int64, err error) {
	rows, err := q.QueryContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if rows.Next() {
		err = rows.Scan(&n)
	}
	return n, errors.Join(err, rows.Err())
}

// parameters returns "$first, ..., $last".
func parameters(first, last int) string {
	var b strings.Builder
	for i := first; i <= last; i++ {
		if i > first {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", i)
	}
	return b.String()
}

// renumber moves the parameters of a piece of SQL up by n: $1 becomes $(1+n).
func renumber(piece string, n int) string {
	var b strings.Builder
	for rest := piece; ; {
		before, after, found := strings.Cut(rest, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		digits := len(after) - len(strings.TrimLeft(after, "0123456789"))
		var i int
		fmt.Sscan(after[:digits], &i) // our own text: a number always follows
		fmt.Fprintf(&b, "$%d", i+n)
		rest = after[digits:]
	}
}
