from modules.base_module import AeonModule


class WebModule(AeonModule):
    def __init__(self, core_context):
        super().__init__(core_context)
        self.name = "Web"
        self.triggers = ["o que é", "quem é", "tempo", "clima", "pesquise por"]

    def process(self, command):
        return ""
