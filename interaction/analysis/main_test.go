package analysis

import (
	"testing"

	"github.com/timbre-voice/timbre/internal/testkit"
)

// TestMain fails the run when a session's goroutine outlives it.
func TestMain(m *testing.M) { testkit.Main(m) }
