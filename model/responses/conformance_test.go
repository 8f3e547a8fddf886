package responses

import (
	"testing"

	"hearth/model"
	"hearth/model/modeltest"
)

func TestConformance(t *testing.T) {
	modeltest.Conformance(t, func(baseURL string) model.Provider {
		endpoint, err := model.ParseEndpoint(baseURL + "/v1")
		if err != nil {
			t.Fatal(err)
		}
		return New(Config{Client: model.NewClient(model.ClientConfig{Provider: "test", Endpoint: endpoint})})
	})
}
