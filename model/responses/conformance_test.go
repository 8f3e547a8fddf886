package responses_test

import (
	"testing"

	"hearth/model"
	"hearth/model/modeltest"
	"hearth/model/responses"
)

// provider speaks to a server at a root URL.
func provider(baseURL string) model.Provider {
	return responses.New(responses.Config{Client: model.NewClient(model.ClientConfig{
		Provider: "box", Endpoint: model.Endpoint{BaseURL: baseURL + "/v1"},
	})})
}

func TestConformance(t *testing.T) { modeltest.Conformance(t, provider) }
