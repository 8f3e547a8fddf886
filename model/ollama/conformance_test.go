package ollama_test

import (
	"flag"
	"testing"

	"hearth/model"
	"hearth/model/modeltest"
	"hearth/model/ollama"
)

var update = flag.Bool("update", false, "write what is told of captured answers again")

func newProvider(baseURL string) model.Provider {
	return ollama.New(ollama.Config{Client: model.NewClient(model.ClientConfig{
		Provider: "box", Endpoint: model.Endpoint{BaseURL: baseURL},
	})})
}

func TestConformance(t *testing.T) { modeltest.Conformance(t, newProvider) }

func TestCapturedAnswers(t *testing.T) { modeltest.Captured(t, newProvider, *update) }
