package spelling_test

import (
	"testing"

	"hearth/internal/spelling"
)

func TestDistance(t *testing.T) {
	for _, row := range []struct {
		name, a, b string
		want       int
	}{
		{"the same", "models", "models", 0},
		{"nothing and something", "", "models", 6},
		{"one letter more", "model", "models", 1},
		{"one letter less", "modells", "models", 1},
		{"another letter", "modeks", "models", 1},
		{"two neighbours swapped", "modles", "models", 1},
		{"swapped, and one more", "mdoelss", "models", 2},
		{"words apart", "tools", "agents", 5},
	} {
		t.Run(row.name, func(t *testing.T) {
			if there, back := spelling.Distance(row.a, row.b), spelling.Distance(row.b, row.a); there != row.want || back != row.want {
				t.Errorf("%d, and back %d; want %d", there, back, row.want)
			}
		})
	}
}
