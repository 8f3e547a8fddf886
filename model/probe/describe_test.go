package probe

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"hearth/model"
)

// A model that is loaded, or a server that is told to unload one, has what is known of the
// server forgotten, perhaps while another turn asks it.
func TestAServerMayBeForgottenWhileItIsAsked(t *testing.T) {
	d := NewDescriber(OpenCache(""), 0)
	var at model.Endpoint
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.Forget(at.Origin)
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

// A server that wanted a key is asked again through the next client, which may have another
// one; and whoever changed how servers are reached has all of them asked again.
func TestAServerIsAskedAgainThroughAnotherClient(t *testing.T) {
	window, asked := 8192, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") == "Bearer wrong":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/v1/models":
			asked++
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"object":"list","data":[{"id":"m","owned_by":"vllm","max_model_len":%d}]}`, window)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	at, err := model.ParseEndpoint(server.URL + "/v1")
	if err != nil {
		t.Fatal(err)
	}
	with := func(key string) *model.Client {
		return model.NewClient(model.ClientConfig{Provider: "box", Endpoint: at, APIKey: key})
	}
	d := NewDescriber(OpenCache(""), time.Hour)
	wants := func(name string, c *model.Client, known, questions int) {
		t.Helper()
		asked = 0
		got := 0
		if l := d.Describe(t.Context(), c, "m", "openai-completions"); l.Server.Window != nil {
			got = *l.Server.Window
		}
		if got != known || asked != questions {
			t.Errorf("%s: a window of %d after %d questions, want %d after %d", name, got, asked, known, questions)
		}
	}
	right := with("right")
	wants("with a wrong key", with("wrong"), 0, 0)
	wants("with the right one", right, 8192, 1)
	if client, _ := d.at(at.Origin); client != right {
		t.Error("the client whose key was refused is still in use")
	}
	window = 4096
	wants("soon after", right, 8192, 0)
	wants("through another client that it does not refuse", with("other"), 8192, 0)
	d.AskAnew()
	if client, _ := d.at(at.Origin); client == nil {
		t.Error("nobody knows the server until it was asked")
	}
	wants("after a change", right, 4096, 1)
}
