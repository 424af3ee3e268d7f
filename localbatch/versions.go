package localbatch

import (
	"slices"
	"strings"
)

// apiVersions are the versions that this service answers to, from the oldest to
// the newest. What a newer one has added is answered to clients of older ones as
// well: they pass over properties that they do not know.
var apiVersions = []string{
	"2020-09-01.12.0", "2021-06-01.14.0", "2022-01-01.15.0", "2022-10-01.16.0",
	"2023-05-01.17.0", "2023-11-01.18.0", "2024-02-01.19.0", "2024-07-01.20.0",
}

// checkVersion refuses a version that is not known, or in which there is no
// such operation.
func checkVersion(version string, rt route) error {
	if version == "" {
		e := badRequest("MissingRequiredQueryParameter", "A required query parameter was not specified in the request URI.")
		e.values = []errorValue{{"QueryParameterName", "api-version"}}
		return e
	}
	if !slices.Contains(apiVersions, version) {
		return badRequest("UnsupportedRequestVersion", "The specified API version is not supported.").
			because("these are: %s", strings.Join(apiVersions, ", "))
	}
	if version < rt.since {
		return notFound("Resource").because("%s is an operation of the API versions from %s on", rt.name, rt.since)
	}
	if rt.until != "" && version > rt.until {
		return notFound("Resource").because("%s is an operation of the API versions up to %s", rt.name, rt.until)
	}
	return nil
}
