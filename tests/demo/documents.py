"""Reads the documents of the EB API."""

NS = {"eb": "http://elasticbeanstalk.amazonaws.com/docs/2010-12-01/"}


def code(document):
    return document.findtext("eb:Error/eb:Code", namespaces=NS)


def message(document):
    return document.findtext("eb:Error/eb:Message", namespaces=NS)


def listed(document):
    path = "eb:DescribeEnvironmentResourcesResult/eb:EnvironmentResources/eb:Instances/eb:member/eb:Id"
    return tuple(element.text for element in document.iterfind(path, NS))


def healths(document):
    path = "eb:DescribeInstancesHealthResult/eb:InstanceHealthList/eb:member"
    return [{element.tag.rpartition("}")[2]: element.text for element in one} for one in document.iterfind(path, NS)]
