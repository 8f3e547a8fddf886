package config

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestAHeaderThatCannotBeSentIsTold(t *testing.T) {
	f, warnings := newHome(t).config(`{
  models: { providers: { box: {
    baseUrl: "http://127.0.0.1:8000/v1",
    headers: { "X-Good": "1", "X Bad": "2", "Überschrift": "3", Host: "elsewhere", "X-Lines": "a\nb", "x.y_z~1": "4", "X-Ref": { source: "env", provider: "default", id: "KEY" } },
    request: { headers: { "content-length": "5" } },
    models: [{ id: "m", headers: { "": "6" } }],
  } } },
}`)
	const name = "is not sent: a header's name is made of letters of the English alphabet, digits and hyphens"
	want := []string{
		`models.providers.box.headers["X Bad"] ` + name,
		`models.providers.box.headers.Überschrift ` + name,
		`models.providers.box.headers.Host is not sent: the connection itself decides it`,
		`models.providers.box.headers.X-Lines is not sent: its value holds a control character, such as a line's end`,
		`models.providers.box.request.headers.content-length is not sent: the connection itself decides it`,
		`models.providers.box.models[0].headers[""] ` + name,
	}
	var told []string
	for _, w := range warnings {
		_, text, _ := strings.Cut(w.String(), ": ")
		told = append(told, text)
	}
	if !slices.Equal(told, want) {
		t.Errorf("told is\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
	p := f.Config.Models.Providers["box"]
	if got := slices.Sorted(maps.Keys(p.Headers)); !slices.Equal(got, []string{"X-Good", "X-Ref", "x.y_z~1"}) || len(p.Request.Headers)+len(p.Models[0].Headers) != 0 {
		t.Errorf("sent are %q, %v, %v", got, p.Request.Headers, p.Models[0].Headers)
	}
	if v := f.Validate(); v.Valid || len(v.Issues) != len(want) {
		t.Errorf("validate says %+v", v)
	}
}
