"""POST /prompt with the editor's document (UI format) in the place of a prompt, which ComfyUI itself refuses."""

import copy

from latentloom.engine.comfy.prompt import Accepted, Refused, accept


def drawn(**wrong):
    """A document of the editor: one node that makes, one that saves, and one of a pack that is not here."""
    make = {"id": 1, "type": "TestMake", "inputs": [], "outputs": [{"name": "image", "type": "IMAGE", "links": [1]}]}
    images = [{"name": "images", "type": "IMAGE", "link": 1}]
    found = {"id": 2, "type": "TestSave", "inputs": images, "outputs": [], "widgets_values": ["mine"]}
    strange = {"id": 3, "type": "OfAPackThatIsNotHere", "inputs": images, "outputs": []}
    values = [4, 0.25, "t", True, "b"]
    return {
        "nodes": [{**make, "widgets_values": values, **wrong}, found, strange],
        "links": [[1, 1, 0, 2, 0, "IMAGE"]],
        "version": 0.4,
    }


def test_the_editors_document_is_taken_and_goes_into_the_pictures(nodes, folders):
    document = {"prompt": drawn(), "extra_data": {"extra_pnginfo": {"other": 1}}}
    before = copy.deepcopy(document)
    found = accept(document, nodes, folders)
    assert isinstance(found, Accepted), found
    assert found.targets == ("2",) and found.node_errors == {}
    assert found.graph["1"]["inputs"] == {"count": 4, "amount": 0.25, "text": "t", "flag": True, "choice": "b"}
    assert found.graph["2"]["inputs"] == {"images": ["1", 0], "prefix": "mine"}
    assert found.extra["extra_pnginfo"] == {"workflow": drawn(), "other": 1}
    assert document == before
    own = {"prompt": drawn(), "extra_data": {"extra_pnginfo": {"workflow": {"id": "own"}}}}
    assert accept(own, nodes, folders).extra["extra_pnginfo"] == {"workflow": {"id": "own"}}


def test_faults_of_a_document_are_named_by_node(nodes):
    refused = accept({"prompt": drawn(widgets_values=[99, 0.25, "t", True, "b"])}, nodes)
    (error,) = refused.node_errors["1"]["errors"]
    assert error["type"] == "value_bigger_than_max" and error["extra_info"]["input_name"] == "count"
    missing = accept({"prompt": drawn(type="AlsoOfAnother")}, nodes)
    assert isinstance(missing, Refused) and missing.error["type"] == "missing_node_type"
