package console

import (
	"sync"
	"time"
)

// remembered keeps values that are dear to compute for a while, by key.
type remembered[T any] struct {
	most int
	life time.Duration
	now  func() time.Time

	mu     sync.Mutex // guards values
	values map[string]kept[T]
}

type kept[T any] struct {
	value T
	until time.Time
}

func newRemembered[T any](most int, life time.Duration, now func() time.Time) *remembered[T] {
	return &remembered[T]{most: most, life: life, now: now, values: map[string]kept[T]{}}
}

// get returns the value of a key, made anew where none is kept. Two callers at once may both make it.
func (m *remembered[T]) get(key string, make func() (T, error)) (T, error) {
	now := m.now()
	m.mu.Lock()
	k, ok := m.values[key]
	m.mu.Unlock()
	if ok && k.until.After(now) {
		return k.value, nil
	}
	v, err := make()
	if err != nil {
		return v, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.values) >= m.most {
		clear(m.values) // rare, and simpler than an order of age
	}
	m.values[key] = kept[T]{v, now.Add(m.life)}
	return v, nil
}
