match ():
    case object(__class__=found):
        match found:
            case object(__subclasses__=more):
                print(more())
