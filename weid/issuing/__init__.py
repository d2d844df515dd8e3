"""What issuing is made of: status lists and their indices, anchors of issuing runs."""
