package store

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
)

func TestEveryYieldsAllPagesAndStopsWhenItsReaderDoes(t *testing.T) {
	gone := errors.New("the database is gone")
	var asked []string
	list := func(_ context.Context, p Page) (List[int], error) {
		asked = append(asked, p.After)
		at, _ := strconv.Atoi(p.After)
		switch {
		case p.Limit != MaxLimit:
			t.Errorf("a page of %d rows was asked for, want %d", p.Limit, MaxLimit)
		case at == 4:
			return List[int]{}, gone
		}
		return List[int]{Items: []int{at, at + 1}, Next: strconv.Itoa(at + 2)}, nil
	}
	for _, c := range []struct {
		until      int // the reader stops here
		rows       []int
		pages      []string
		wantFailed bool
	}{
		{0, []int{0}, []string{""}, false},
		{2, []int{0, 1, 2}, []string{"", "2"}, false},
		{9, []int{0, 1, 2, 3}, []string{"", "2", "4"}, true},
	} {
		asked = nil
		var got []int
		var failed error
		for v, err := range Every(t.Context(), list) {
			if failed != nil {
				t.Fatal("a row after the error")
			}
			if failed = err; err != nil {
				continue
			}
			if got = append(got, v); v == c.until {
				break
			}
		}
		if !slices.Equal(got, c.rows) || !slices.Equal(asked, c.pages) || errors.Is(failed, gone) != c.wantFailed {
			t.Errorf("until %d: rows %v of pages %q, error %v; want %v of %q", c.until, got, asked, failed, c.rows, c.pages)
		}
	}
	for range Every(t.Context(), func(context.Context, Page) (List[int], error) { return List[int]{}, nil }) {
		t.Error("a row of an empty list")
	}
}
