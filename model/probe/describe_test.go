package probe

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"hearth/model"
)

// A model that is loaded, or a server that is told to unload one, has what is known of the
// server forgotten, perhaps while another turn asks it.
func TestAServerMayBeForgottenWhileItIsAsked(t *testing.T) {
	d := NewDescriber(OpenCache(""), 0)
	var at model.Endpoint
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.forget(at.Origin)
		if r.URL.Path != "/v1/models" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"object":"list","data":[{"id":"m","owned_by":"vllm","max_model_len":8192}]}`))
	}))
	defer server.Close()
	var err error
	if at, err = model.ParseEndpoint(server.URL + "/v1"); err != nil {
		t.Fatal(err)
	}
	c := model.NewClient(model.ClientConfig{Provider: "box", Endpoint: at})
	if l := d.Describe(t.Context(), c, "m", "openai-completions"); l.Server.Window == nil || *l.Server.Window != 8192 {
		t.Errorf("what the server said is lost: %+v", l.Server)
	}
}
