package main

import (
	"regexp"
	"strings"
)

// pathCharacters are what a `*` of a template stands for: Envoy's pchar, which has no brackets, no quotes and nothing
// beyond ASCII (envoy v1.40.0, source/extensions/path/uri_template_lib/uri_template_internal.cc; it takes a `*`, too).
const pathCharacters = `a-zA-Z0-9\-._~%!$&'()*+,;:@=`

// fits says whether Envoy's uri_template matches a path: `*` is one segment, `**` the rest, which may be empty.
func fits(written, path string) bool {
	segments := strings.Split(written, "/")
	for i, segment := range segments {
		switch segment {
		case "*":
			segments[i] = "[" + pathCharacters + "]+"
		case "**":
			segments[i] = "[" + pathCharacters + "/]*"
		default:
			segments[i] = regexp.QuoteMeta(segment)
		}
	}
	return whole(strings.Join(segments, "/")).MatchString(path)
}
