package console

import "context"

// HashPassword returns a password as it is kept, for accounts that tests write into the store.
func HashPassword(password string) string {
	h, err := newHashing().hash(context.Background(), password)
	if err != nil {
		panic(err)
	}
	return h
}
