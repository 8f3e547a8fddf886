package catalog

import "regexp"

// sees and blind are what a model's id says about images (runtime facts 10.4).
var (
	sees = regexp.MustCompile(`(?i)gpt-4o|gpt-4\.1|gpt-(?:[5-9]|\d{2})|(?:^|[/:_-])o[134](?:$|[:_-])|` +
		`claude-(?:[34]|sonnet|opus|haiku)|gemini|qwen[^/]*vl|vision|llava|pixtral|internvl|mllama|minicpm-v|glm-4(?:\.\d)?v|` +
		`(?:^|[/:._-])vl(?:$|[/:._-])`)
	blind = regexp.MustCompile(`(?i)llama|deepseek|mistral|mixtral|kimi|moonshot|codestral|devstral|(?:^|[/:_-])phi|qwq|qwen`)
)

// SeesImages tells from a model's id whether it takes images. known is false where the
// id says nothing either way; then it is taken for a text model, or the person is asked.
func SeesImages(id string) (yes, known bool) {
	if sees.MatchString(id) {
		return true, true
	}
	return false, blind.MatchString(id)
}
