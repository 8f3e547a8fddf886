//go:build llamaserver && unix

package responses_test

import (
	"testing"

	"hearth/test/llamaserver"
)

func TestRealLlamaServer(t *testing.T) { llamaserver.V1(t, provider, nil) }
