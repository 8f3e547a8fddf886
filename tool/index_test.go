package tool_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"hearth"
	"hearth/tool"
)

func catalogue() []hearth.ToolSpec {
	var specs []hearth.ToolSpec
	for _, row := range [][2]string{
		{"mail_send", "Send a mail. It goes out at once."},
		{"mail_read", "Read one mail of the inbox."},
		{"calendar_add", "Put an appointment into the calendar."},
		{"lamp", "Switch the lamps of the house on and off."},
	} {
		specs = append(specs, hearth.ToolSpec{Name: row[0], Description: row[1], Schema: json.RawMessage(`{"properties":{"what":{"type":"string"}},"type":"object"}`)})
	}
	return specs
}

func ask(t *testing.T, name, arguments string) hearth.ToolResult {
	t.Helper()
	found, ok := tool.NewIndex(catalogue(), tool.CallName).Find(name)
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	call := hearth.ToolCall{ID: "c1", Name: name, Arguments: arguments}
	if e := found.Effect(call); e != hearth.EffectRead {
		t.Errorf("%s has the effect %s", name, e)
	}
	res, err := found.Run(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestToolsAreFoundByWhatOneWantsToDo(t *testing.T) {
	for query, want := range map[string]string{
		"send a mail":     "mail_send: Send a mail.\nmail_read: Read one mail of the inbox.",
		"LAMPS!":          "lamp: Switch the lamps of the house on and off.",
		"calendar":        "calendar_add: Put an appointment into the calendar.",
		"submarine":       "No tool fits these words. There are: calendar_add, lamp, mail_read, mail_send",
		"Лампы und große": "No tool fits these words. There are: calendar_add, lamp, mail_read, mail_send",
	} {
		if got := ask(t, tool.SearchName, fmt.Sprintf(`{"query":%q}`, query)); got.Text != want || got.Failed || got.From != hearth.FromGateway {
			t.Errorf("%q gives\n%s\nwant\n%s", query, got.Text, want)
		}
	}
	if got := ask(t, tool.SearchName, `{}`); !got.Failed {
		t.Errorf("a search without words gives %+v", got)
	}
}

func TestAToolIsDescribedWithItsArguments(t *testing.T) {
	got := ask(t, tool.DescribeName, `{"name":"lamp"}`)
	if got.Failed || !strings.Contains(got.Text, `{"properties":{"what":{"type":"string"}},"type":"object"}`) || !strings.Contains(got.Text, "Run it with tool_call.") {
		t.Errorf("got %+v", got)
	}
	if got := ask(t, tool.DescribeName, `{"name":"mail"}`); !got.Failed || !strings.Contains(got.Text, `no tool named "mail". mail_`) {
		t.Errorf("got %+v", got)
	}
}

func TestACallOfTheCatalogueIsTheCallThatItStandsFor(t *testing.T) {
	for arguments, want := range map[string]string{
		`{"name":"lamp","arguments":{"what": "on"}}`:            `lamp {"what": "on"}`,
		`{"arguments":{},"name":"lamp"}`:                        `lamp {}`,
		`{"name":"lamp","arguments":"{\"what\":\"on\"}"}`:       `lamp {"what":"on"}`,
		`{"name":"lamp","what":"on"}`:                           `lamp {"what":"on"}`,
		`{"name":"lamp"}`:                                       `lamp {}`,
		`"{\"name\":\"lamp\",\"arguments\":{\"what\":\"on\"}}"`: `lamp {"what":"on"}`,
		`{"name":"tool_call","arguments":{"name":"lamp"}}`:      `tool_call {"name":"lamp"}`,
		`{"arguments":{}}`:                                      "",
		`{"name":7}`:                                            "",
		`[]`:                                                    "",
		`{"name":"lamp"`:                                        "",
	} {
		got, err := tool.Called(hearth.ToolCall{ID: "c1", Name: tool.CallName, Arguments: arguments})
		if want == "" {
			if err == nil {
				t.Errorf("%s is taken for %+v", arguments, got)
			}
			continue
		}
		if err != nil || got.Name+" "+got.Arguments != want || got.ID != "c1" {
			t.Errorf("%s: %+v, %v; want %s", arguments, got, err, want)
		}
	}
}

func FuzzCalled(f *testing.F) {
	f.Add(`{"name":"lamp","arguments":{"what":"on"}}`)
	f.Add(`"{\"name\":\"x\",\"a\":1}"`)
	f.Fuzz(func(t *testing.T, arguments string) {
		call := hearth.ToolCall{ID: "c1", Name: tool.CallName, Arguments: arguments}
		got, err := tool.Called(call)
		again, errAgain := tool.Called(call)
		if got != again || (err == nil) != (errAgain == nil) {
			t.Errorf("%q gives %+v, then %+v", arguments, got, again)
		}
		if err == nil && (got.Name == "" || got.ID != call.ID) {
			t.Errorf("%q gives %+v", arguments, got)
		}
	})
}

func TestTheIndexIsSmall(t *testing.T) {
	n := 0
	for _, s := range tool.IndexSpecs(tool.CallName) {
		n += len(s.Name) + len(s.Description) + len(s.Schema)
		if !json.Valid(s.Schema) {
			t.Errorf("%s: %s", s.Name, s.Schema)
		}
	}
	if n > 600 {
		t.Errorf("%d bytes", n)
	}
}
