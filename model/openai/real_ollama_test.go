//go:build e2e && unix

package openai_test

import (
	"testing"

	"hearth/test/ollama"
)

func TestRealOllama(t *testing.T) { ollama.V1(t, provider) }
