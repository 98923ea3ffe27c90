from modules.base_module import AeonModule


class MisticaModule(AeonModule):
    def __init__(self, core_context):
        super().__init__(core_context)
        self.name = "Tarologo"
        self.triggers = ["taro", "ler as cartas"]

    def process(self, command):
        return self.core_context["brain"].pensar(prompt="Interprete: o louco", historico_txt="", modo="conversa")
