package anthropic_test

import (
	"flag"
	"testing"

	"hearth/model"
	"hearth/model/anthropic"
	"hearth/model/modeltest"
)

var update = flag.Bool("update", false, "write what is told of captured answers again")

func newProvider(baseURL string) model.Provider {
	return anthropic.New(anthropic.Config{Client: model.NewClient(model.ClientConfig{
		Provider: "box", Endpoint: model.Endpoint{BaseURL: baseURL},
	})})
}

func TestConformance(t *testing.T) { modeltest.Conformance(t, newProvider) }

func TestCapturedAnswers(t *testing.T) { modeltest.Captured(t, newProvider, *update) }
