package localbatch

import "net/http"

// Applications are uploaded by way of Azure Resource Manager, which is no part
// of this service: there are none.

func (s *Service) listApplications(r *http.Request) (reply, error) {
	if _, err := parseList(r, nil); err != nil {
		return reply{}, err
	}
	return s.listReply(r, "listapplicationsummariesresponses", page{}, false, ""), nil
}

func (s *Service) getApplication(*http.Request) (reply, error) {
	return reply{}, notFound("Application")
}

// packageReference names an application, by its id or, for pools of 2024, by
// its resource id in Azure Resource Manager.
type packageReference struct {
	ApplicationID string `json:"applicationId"`
	Version       string `json:"version,omitempty"`
}

type packageReferences []packageReference

func (p packageReferences) check() error {
	if len(p) == 0 {
		return nil
	}
	if p[0].ApplicationID == "" {
		return missingProperty("applicationPackageReferences.applicationId")
	}
	return conflict("InvalidApplicationPackageReferences", "One or more application package references could not be satisfied.").
		because("there is no application %s: localbatch has none; fetch the package as a resource file", p[0].ApplicationID)
}
