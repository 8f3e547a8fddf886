package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"hearth/session"
	"hearth/session/sessiontest"
	"hearth/session/sqlite"
)

var suite = sessiontest.Suite{
	Place: func(t testing.TB) string {
		folder := "state % ?mode=ro#é" // all that means something in a URI
		if runtime.GOOS == "windows" {
			folder = "state % &mode=ro#é" // where no name may hold a question mark
		}
		return filepath.Join(t.TempDir(), folder, "hearth.db")
	},
	Open: func(ctx context.Context, place string) (session.Store, error) {
		return sqlite.Open(ctx, sqlite.Config{Path: place, Command: "hearth test"})
	},
}

func TestMain(m *testing.M) {
	code, played := suite.Main()
	if !played {
		code = m.Run()
	}
	os.Exit(code)
}

func TestStoreConforms(t *testing.T) { suite.Test(t) }
