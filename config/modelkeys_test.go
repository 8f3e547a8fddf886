package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestThePageOfModelKeysIsRight compares docs/model-keys.md with the structs and with
// the list of OpenClaw's keys: each key is on the page, and said to be used exactly
// when a field takes it.
func TestThePageOfModelKeysIsRight(t *testing.T) {
	page, err := os.ReadFile("../docs/model-keys.md")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]map[string]bool{} // section → key → used
	section := ""
	for line := range strings.Lines(string(page)) {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.Trim(strings.TrimSpace(name), "`")
			said[section] = map[string]bool{}
		}
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
			key, _, _ := strings.Cut(m[1], ".")
			said[section][key] = strings.TrimSpace(cells[2]) == "used"
		}
	}
	keys := parseKeys(keysText)
	for _, part := range []struct {
		section, path string
		of            reflect.Type
	}{
		{"models.providers.<id>", "models.providers.x", reflect.TypeFor[Provider]()},
		{"models.providers.<id>.models[]", "models.providers.x.models[0]", reflect.TypeFor[Model]()},
		{"compat", "models.providers.x.models[0].compat", reflect.TypeFor[Compat]()},
	} {
		steps, err := ParsePath(part.path)
		if err != nil {
			t.Fatal(err)
		}
		taken := map[string]bool{}
		for name, f := range new(decoder).fieldsOf(part.of) {
			taken[name] = !f.later
		}
		known := keys.follow(steps).children
		for name := range taken {
			if _, ok := said[part.section][name]; !ok {
				t.Errorf("docs/model-keys.md, %s: %s is not on the page", part.section, name)
			}
		}
		for name := range known {
			if _, ok := said[part.section][name]; !ok {
				t.Errorf("docs/model-keys.md, %s: %s is not on the page", part.section, name)
			}
		}
		for name, used := range said[part.section] {
			if used != taken[name] {
				t.Errorf("%s: the page says %s is used: %t; it is %t", part.section, name, used, taken[name])
			}
			if _, ok := known[name]; !ok && !taken[name] {
				t.Errorf("%s: nobody knows %s", part.section, name)
			}
		}
	}
}
